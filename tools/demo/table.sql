-- Orders of customers: build, index, query, change, aggregate.
PRAGMA journal_mode = MEMORY;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -32000;

CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INTEGER, day TEXT, cents INTEGER, note TEXT);

BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO customer SELECT i, printf('customer %06d', (i * 7919) % 20011), 'city ' || (i % 211) FROM n;

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
INSERT INTO purchase
SELECT i, 1 + (i * 48271) % 20000, date('2020-01-01', '+' || (i % 1461) || ' days'),
       (i * 16807) % 100000, substr('a note that is longer for some than for others', 1, i % 47)
FROM n;
COMMIT;

CREATE INDEX purchase_customer ON purchase (customer, day);
CREATE INDEX customer_city ON customer (city, name);

SELECT count(*), sum(cents), length(group_concat(note)) FROM purchase;

SELECT city, count(*), sum(cents) AS total
FROM purchase JOIN customer ON customer.id = purchase.customer
GROUP BY city ORDER BY total DESC LIMIT 3;

SELECT strftime('%Y-%m', day) AS month, count(DISTINCT customer), max(cents)
FROM purchase GROUP BY month ORDER BY month LIMIT 3;

SELECT name, (SELECT group_concat(cents, '+') FROM purchase WHERE customer = customer.id AND day < '2020-02-01')
FROM customer WHERE city = 'city 7' ORDER BY name LIMIT 2;

UPDATE purchase SET note = note || ' (' || cents || ')' WHERE id % 3 = 0;
DELETE FROM purchase WHERE id % 5 = 0;
SELECT count(*), sum(length(note)) FROM purchase;
