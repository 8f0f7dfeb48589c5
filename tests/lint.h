/* lint.h - what clang-tidy, which sees one file at a time, has to know about the others; `make lint` puts it first
 * (not before base.c, which defines these functions). */
#include "common/base.h"

/* A failure is always negative: without this, every "status = f(&out); if (status) return" looks as if it could go on
 * with `out` unset. */
#define ps_fail(err, ...) ((void)(ps_fail)(err, __VA_ARGS__), -1)
#define ps_fail_errno(err, ...) ((void)(ps_fail_errno)(err, __VA_ARGS__), -1)

/* Clang knows half precision on x86-64 only from version 15 on; for finding mistakes a wider type does as well. */
#if defined __clang__ && __clang_major__ < 15 && defined __x86_64__
#define _Float16 float
#endif
