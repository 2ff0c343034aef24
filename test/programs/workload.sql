-- SPDX-License-Identifier: MIT
-- workload.sql - tables in memory, indexes, joins, sorting, text, a large blob
PRAGMA cache_size = 2000;
CREATE TABLE numbers(id INTEGER PRIMARY KEY, word TEXT, value REAL);
WITH RECURSIVE step(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM step WHERE i < 30000)
	INSERT INTO numbers SELECT i, printf('w%d', i * 7919 % 1009) || hex(zeroblob(i % 40)), i * 1.5 FROM step;
CREATE INDEX by_word ON numbers(word);
SELECT count(*), count(DISTINCT word), sum(value) FROM numbers;
SELECT a.word, count(*) AS c FROM numbers a JOIN numbers b ON b.id = a.id + 1 GROUP BY a.word ORDER BY c DESC, a.word LIMIT 5;
UPDATE numbers SET word = upper(word) || word WHERE id % 3 = 0;
DELETE FROM numbers WHERE id % 5 = 0;
SELECT length(group_concat(word, ' ')) FROM (SELECT word FROM numbers ORDER BY word);
CREATE TABLE blobs(b BLOB);
INSERT INTO blobs VALUES (zeroblob(5000000)), (randomblob(100000));
SELECT sum(length(b)) FROM blobs;
VACUUM;
SELECT json_extract(json_group_array(json_object('id', id, 'w', word)), '$[77].w') FROM numbers;
PRAGMA integrity_check;
