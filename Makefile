# make            installs what is missing and builds bin/penstock
# make demo       the main job on made data, or on your own: make demo DATA=folder
# make test       every test; the last line counts them
# make faults     kills, freezes and cuts off the processes of running jobs; the last line counts the scenarios
# make interop    exports and event files, read by numpy, safetensors, onnxruntime, faiss and tensorboard from PyPI
# make soak N=200  random faults from a printed seed over small runs, each checked in the same way
# make install    PREFIX=/usr/local
# For developers: unit, lint, check-includes, format, asan, ubsan, tsan, fuzz, spin, bench, clean.
# O=folder builds elsewhere; SAN=address|undefined|thread builds under a sanitizer, in a folder of its own.
CC = gcc
O = build/$(or $(SAN),release)
PREFIX = /usr/local
ARCH := $(shell uname -m)

# One build runs on every machine of its architecture: newer instructions are used where a kernel asks for them
# (src/common/vector.h). No contraction of a*b+c: results must not depend on which kernel runs. No errno from sqrt and
# the like, which nobody reads and which keeps loops from being vectors.
CFLAGS_BASE = -std=gnu11 -O3 -g $(if $(filter x86_64,$(ARCH)),-march=x86-64 -mtune=generic) \
	-ffp-contract=off -fno-math-errno -Wall -Wextra -Werror -Wno-unused-parameter
ifdef SAN
# The instrumented code provokes warnings about paths that do not exist; the usual build is where warnings count.
SANITIZER = $(if $(filter fuzz,$(SAN)),fuzzer-no-link$(comma)address$(comma)undefined,$(SAN))
comma := ,
CFLAGS_BASE += -O1 -w -fno-omit-frame-pointer -fsanitize=$(SANITIZER) \
	$(if $(filter undefined fuzz,$(SAN)),-fno-sanitize-recover=all)
endif
CPPFLAGS += -Isrc -Ibuild/proto $(PKG_CFLAGS)
LDLIBS += $(PKG_LIBS) -lopenblas -lm -lpthread
# One short line a step; V=1 shows the commands.
Q = $(if $(V),,@)
say = @$(if $(V),:,echo '  $1 $@')
COMPILE = $(CC) $(CFLAGS_BASE) $(CFLAGS) $(CPPFLAGS) -MMD -MP

SRC := $(sort $(shell find src -name '*.c'))
PROTO := $(patsubst proto/%.proto,build/proto/%.pb-c.c,$(wildcard proto/*.proto))
OBJ := $(SRC:src/%.c=$(O)/%.o) $(PROTO:build/%.c=$(O)/%.o)
ifeq ($(SAN),thread)
OBJ += $(O)/tsan_zmq.o
LDFLAGS += -Wl,--wrap=zmq_msg_send,--wrap=zmq_msg_recv,--wrap=zmq_msg_close
endif
LIBOBJ := $(filter-out $(O)/cli/main.o,$(OBJ))
DOUBLE := $(patsubst src/%.c,$(O)/double/%.o,$(filter src/worker/nn/% src/worker/models/% src/worker/sessions.c src/worker/triples.c,$(SRC)))
PLAIN := $(patsubst src/%.c,$(O)/plain/%.o,$(filter src/worker/nn/%,$(SRC)))
UNIT := $(sort $(wildcard tests/unit/test_*.c))
UNITBIN := $(UNIT:tests/unit/%.c=$(O)/tests/%)
BENCHBIN := $(patsubst %.c,$(O)/%,$(wildcard bench/*.c))
# Only the usual build owns bin/: a build under a sanitizer or in a folder of one's own keeps its program there.
BIN := $(if $(filter build/release,$(O)),bin/penstock,$(O)/penstock)

all: $(BIN)

# The libraries' flags, remade when install.sh changes; make reads this file again after making it, so the
# packages are installed before the first pkg-config. Not needed for goals that compile nothing.
ifneq ($(filter-out clean format check-includes spin,$(or $(MAKECMDGOALS),all)),)
include build/flags.mk
endif
PACKAGES = libzmq libprotobuf-c liblz4 yaml-0.1 libxxhash zlib libzstd liblzma libmicrohttpd ompi-c
build/flags.mk: scripts/install.sh
	@scripts/install.sh build
	@mkdir -p $(@D)
	@cflags=$$(pkg-config --cflags $(PACKAGES)) && libs=$$(pkg-config --libs $(PACKAGES)) && \
	    printf 'PKG_CFLAGS = %s\nPKG_LIBS = %s\n' "$$cflags" "$$libs" > $@

$(BIN): $(OBJ)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS_BASE) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
build/proto/%.pb-c.c: proto/%.proto
	@mkdir -p $(@D)
	$(Q)protoc-c --proto_path=proto --c_out=build/proto $<
$(O)/proto/%.o: build/proto/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -c -o $@ $<
$(O)/%.o: src/%.c | $(PROTO)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -c -o $@ $<
$(O)/tsan_zmq.o: tests/tsan_zmq.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -c -o $@ $<
$(O)/libpenstock.a: $(LIBOBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
# Gradient checks compute in double precision: tests named test_*_double get the model code compiled for it. Its objects
# come first, so the linker takes the rest, and only the rest, from the usual library.
$(O)/double/%.o: src/%.c | $(PROTO)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -DNN_DOUBLE -c -o $@ $<
$(O)/tests/%_double: tests/unit/%_double.c $(DOUBLE) $(O)/libpenstock.a
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -DNN_DOUBLE -MF $@.d -Itests/unit $(LDFLAGS) -o $@ $(filter %.c %.o %.a,$^) $(LDLIBS) -lcmocka
# The same program without clones for wider vectors, for the test that its bits are the same.
$(O)/plain/%.o: src/%.c | $(PROTO)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -DPS_NO_CLONES -c -o $@ $<
$(O)/plain/test_nn_width: tests/unit/test_nn_width.c $(PLAIN) $(O)/libpenstock.a
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -DPS_NO_CLONES -MF $@.d -Itests/unit $(LDFLAGS) -o $@ $(filter %.c %.o %.a,$^) $(LDLIBS) -lcmocka
$(O)/tests/test_nn_width: $(O)/plain/test_nn_width
$(O)/tests/%: tests/unit/%.c $(O)/libpenstock.a
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -MF $@.d -Itests/unit $(LDFLAGS) -o $@ $< $(O)/libpenstock.a $(LDLIBS) -lcmocka

$(O)/bench/%: bench/%.c $(O)/libpenstock.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(COMPILE) -MF $@.d $(LDFLAGS) -o $@ $< $(O)/libpenstock.a $(LDLIBS)

# Fuzz targets (tests/fuzz/fuzz.h), for clang and SAN=fuzz; the unit test that feeds them their corpus needs neither. Every block of
# bytes has the same checksum in them.
FUZZ := control data codec config checkpoint record ranks dataset sessions prepare
FUZZBIN := $(FUZZ:%=$(O)/fuzz/%)
WRAP := -Wl,--wrap=ps_hash64,--wrap=ps_writer_sum
$(O)/tests/test_fuzz_corpus: LDFLAGS += $(WRAP)
$(FUZZBIN): $(O)/fuzz/%: tests/fuzz/%.c tests/fuzz/hash.c $(O)/libpenstock.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(COMPILE) -MF $@.d $(LDFLAGS) $(WRAP) -fsanitize=fuzzer -o $@ $(filter %.c %.a,$^) $(LDLIBS) -lcmocka
$(O)/fuzz/make_corpus: tests/fuzz/make_corpus.c tests/fuzz/hash.c $(O)/libpenstock.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(COMPILE) -MF $@.d $(LDFLAGS) $(WRAP) -o $@ $(filter %.c %.a,$^) $(LDLIBS) -lcmocka
fuzz-targets: $(FUZZBIN)
# Builds and runs them for about a minute, or FUZZ_SECONDS each: tests/fuzz/run --help
fuzz:
	scripts/install.sh build test
	scripts/install.sh fuzz || true
	$(MAKE) proto
	tests/fuzz/run
# Makes the seeds anew, where a format has changed. What a run has found is kept beside them, and stays.
fuzz-corpus: $(O)/fuzz/make_corpus
	$< tests/fuzz/corpus

proto: $(PROTO)
unit: $(UNITBIN)
bench-programs: $(BENCHBIN)

# The programs of the benchmark are built too, so that they do not fall behind what they measure.
test:
	scripts/install.sh build test
	$(MAKE) all unit bench-programs
	tests/run

# Faults that happen to real processes: tests/faults/run --help. PATTERN chooses, as in make faults PATTERN=worker
faults: all
	scripts/install.sh build test
	tests/faults/run $(PATTERN)

# What is written, read by the clients that people use, from PyPI: tests/interop/run --help
interop: all
	tests/interop/run

soak: all
	scripts/install.sh build test
	tests/faults/run --soak $(or $(N),20) $(if $(SEED),--seed $(SEED))

# The models of the protocol, each with what must be found when a rule is left out: tests/spin/run --help. PATTERN chooses.
spin:
	scripts/install.sh spin
	tests/spin/run $(PATTERN)

demo: all
	scripts/demo.sh

# Unit tests, and the end-to-end tests that name themselves fit for it, under a sanitizer.
asan ubsan tsan:
	scripts/install.sh build test
	$(MAKE) SAN=$(SAN_OF_$@) all unit
	tests/run --build build/$(SAN_OF_$@) --sanitizer $(SAN_OF_$@)
SAN_OF_asan = address
SAN_OF_ubsan = undefined
SAN_OF_tsan = thread

# tests/lint.h tells the analyser what it cannot see from one file.
lint: check-includes proto
	scripts/install.sh build lint
	clang-tidy --quiet src/common/base.c -- $(CFLAGS_BASE) $(CPPFLAGS)
	@printf '%s\n' $(filter-out src/common/base.c,$(SRC)) | \
	    xargs -P 2 -I FILE clang-tidy --quiet FILE -- $(CFLAGS_BASE) $(CPPFLAGS) -D_GNU_SOURCE= -include tests/lint.h

check-includes:
	tests/include_rules

format:
	clang-format -i $$(find src tests -name '*.[ch]')

bench: all bench-programs
	bench/run.py
	bench/calibrate.py
	bench/plan.py --calibration build/calibration.yaml

install: all
	install -D -m 755 bin/penstock $(DESTDIR)$(PREFIX)/bin/penstock
	install -D -m 644 conf/default.yaml $(DESTDIR)$(PREFIX)/share/penstock/default.yaml

clean:
	rm -rf build bin

-include $(OBJ:.o=.d) $(DOUBLE:.o=.d) $(PLAIN:.o=.d) $(O)/plain/test_nn_width.d $(UNITBIN:=.d) $(BENCHBIN:=.d) $(FUZZBIN:=.d)
.SECONDARY: $(DOUBLE) $(PLAIN) $(PROTO)
.PHONY: all proto unit bench-programs fuzz fuzz-targets fuzz-corpus test faults interop soak spin demo asan ubsan tsan lint check-includes format bench install clean
