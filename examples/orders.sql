-- SPDX-License-Identifier: MIT
-- orders.sql - a database in memory: fill, index, join, change, sort
--
-- The figures come from recursive queries, so the script needs no data.  What it
-- prints does not depend on the allocator.  The parameter :purchases, if it is set, is
-- how many there are.

PRAGMA journal_mode = MEMORY;
PRAGMA temp_store = MEMORY;

CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INTEGER, item TEXT, price REAL, note TEXT);

BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO customer
SELECT i, 'customer ' || (i * 7919 % 20011), 'city ' || (i * 31 % 257) FROM n;

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < coalesce(:purchases, 150000))
INSERT INTO purchase
SELECT i, i * 6607 % 20000 + 1, 'item ' || (i * 101 % 997), (i * 13 % 5000) / 100.0,
       substr('a note that is sometimes long and sometimes short, as notes are', 1, i % 60)
FROM n;
COMMIT;

CREATE INDEX purchase_customer ON purchase (customer, price);
CREATE INDEX purchase_item ON purchase (item);
CREATE INDEX customer_city ON customer (city, name);

SELECT count(*), round(sum(spent), 2) FROM
    (SELECT c.city, sum(p.price) AS spent
     FROM customer c JOIN purchase p ON p.customer = c.id GROUP BY c.city HAVING spent > 100);

SELECT length(group_concat(x)) FROM
    (SELECT upper(item) || '/' || replace(note, 'o', '0') AS x FROM purchase ORDER BY note, item);

BEGIN;
DELETE FROM purchase WHERE id % 3 = 0;
UPDATE purchase SET note = note || ' (changed ' || id || ')' WHERE id % 5 = 0;
COMMIT;

SELECT count(DISTINCT item), count(DISTINCT note), max(length(note)) FROM purchase;
