package names

import "strings"

// maxMisspelt bounds what is compared with other names, in bytes.
const maxMisspelt = 64

// Nearest is the one of the known names that is a typing mistake or two away from given, whatever the case of
// its letters; "" for none. Of several that are as near it is the first.
func Nearest(given string, known []string) string {
	if len(given) > maxMisspelt {
		return ""
	}
	best, least := "", max(len(given)/3, 1)+1
	for _, k := range known {
		if len(k) > maxMisspelt {
			continue
		}
		if d := mistakes(strings.ToLower(given), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// mistakes is the least number of insertions, deletions, replacements and swaps of neighbours between a and b.
func mistakes(a, b string) int {
	var before []int // the row before the last one
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := row[j]
			if a[i] != b[j] {
				cost++
			}
			next[j+1] = min(cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
