# SPDX-License-Identifier: MIT
# workload.awk - the BEGIN of a program that gets n by -v
BEGIN {
	for (i = 0; i < n; i++) {
		word = "w" (i * 7919 % 1009)
		for (k = 0; k < i % 5; k++)
			word = word word
		count[word]++
		text = text substr(word, 1, 3)
	}
	for (word in count)
		total += count[word] * length(word)
	print length(text), total, length(count)
	gsub(/1/, "one", text)
	print length(text)
	parts = split(text, piece, "w")
	for (i = 1; i <= parts; i++)
		sum += length(piece[i])
	delete count
	print parts, sum
}
