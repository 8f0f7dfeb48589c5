# accuracy_helpers.sh - for tests that compare what was learned in two ways, over seeds; sourced after helpers.sh.

# same_means FILE A B METRIC...: lines of FILE are a group and a value for each metric. The means of the groups A and B differ by less than four
# standard errors of their difference, or by a hundredth of the value.
same_means() {
    awk -F '\t' -v a="$2" -v b="$3" -v names="${*:4}" '
        { n[$1]++; for (m = 2; m <= NF; m++) { sum[$1, m] += $m; square[$1, m] += $m * $m } }
        function mean(g, m) { return sum[g, m] / n[g] }
        function error(g, m,  v) { v = (square[g, m] - n[g] * mean(g, m) ^ 2) / (n[g] - 1); return v > 0 ? v / n[g] : 0 }
        END {
            count = split(names, name, " ")
            for (m = 2; m <= count + 1; m++) {
                allowed = 4 * sqrt(error(a, m) + error(b, m))
                if (allowed < mean(a, m) / 100)
                    allowed = mean(a, m) / 100
                difference = mean(a, m) - mean(b, m)
                printf "%s: means %.4f (%s) and %.4f (%s), allowed difference %.4f\n", name[m - 1], mean(a, m), a, mean(b, m), b, allowed
                if (!(difference <= allowed && -difference <= allowed))
                    bad = 1
            }
            exit bad
        }' "$1"
}
