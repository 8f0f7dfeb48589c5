#!/bin/bash
# tests/run itself, over a made tree of tests that pass, fail, skip, crash, hang, or leave processes behind: a runner that
# cannot fail would make every other test worthless.
. "$(dirname "$0")/helpers.sh"

mkdir -p tree/tests/unit tree/tests/e2e tree/build/release/tests tree/bin
cp "$PENSTOCK_ROOT/tests/run" tree/tests/run
unit() { # name, script: stands for a cmocka binary, which prints TAP
    touch "tree/tests/unit/test_$1.c"
    printf '#!/bin/sh\n%s\n' "$2" > "tree/build/release/tests/test_$1"
    chmod +x "tree/build/release/tests/test_$1"
}
script() {
    printf '#!/bin/bash\n%s\n' "$2" > "tree/tests/e2e/$1.sh"
    chmod +x "tree/tests/e2e/$1.sh"
}
outcome() { # status, last line, pattern
    env -u PENSTOCK_BUILD bash -c "tree/tests/run $3" > out.txt 2>&1 && status=0 || status=$?
    if [ $status != "$1" ] || [ "$(tail -n 1 out.txt)" != "$2" ]; then
        cat out.txt
        fail "tests/run $3: status $status instead of $1, last line not '$2'"
    fi
}

printf '#!/bin/sh\n' > tree/tests/include_rules
chmod +x tree/tests/include_rules
unit good 'echo 1..2; echo ok 1 - one; echo ok 2 - two'
unit skips 'echo 1..2; echo ok 1 - one; echo "ok 2 # SKIP two"'
script good 'test -d "$TMPDIR" && test "$PWD" = "$TMPDIR" && test -z "$(ls)"'
script skips 'echo no data here; exit 77'
outcome 0 '5 passed, 0 failed, 2 skipped' ''
expect out.txt '^skipped .*e2e/skips \(no data here\)$'
outcome 0 '2 passed, 0 failed, 0 skipped' unit/test_good
outcome 1 '0 passed, 0 failed, 0 skipped' nothing_of_that_name

unit bad 'echo 1..2; echo ok 1 - one; echo not ok 2 - two; exit 1'
outcome 1 '1 passed, 1 failed, 0 skipped' unit/test_bad
unit crash 'echo 1..2; echo ok 1 - one; kill -SEGV $$'
outcome 1 '1 passed, 1 failed, 0 skipped' unit/test_crash
expect out.txt 'ended after 1 of 2 tests'
unit silent 'exit 0'
outcome 1 '0 passed, 1 failed, 0 skipped' unit/test_silent
unit leaks 'echo 1..1; echo ok 1 - one; exit 23'
outcome 1 '1 passed, 1 failed, 0 skipped' unit/test_leaks
expect out.txt 'its status is 23'
touch tree/tests/unit/test_unbuilt.c
outcome 1 '0 passed, 1 failed, 0 skipped' unit/test_unbuilt
script bad 'echo the reason; exit 1'
outcome 1 '0 passed, 1 failed, 0 skipped' e2e/bad
expect out.txt '\| the reason'
script hangs '# time limit: 1
sleep 1000'
outcome 1 '0 passed, 1 failed, 0 skipped' e2e/hangs
expect out.txt 'time limit'
script orphan '(trap "" TERM; exec sleep 4321) > /dev/null 2>&1 & exit 0'
outcome 1 '0 passed, 1 failed, 0 skipped' e2e/orphan
expect out.txt 'left processes behind'
refuse <(ps -eo stat=,args=) '^[^Z].*[s]leep 4321'
