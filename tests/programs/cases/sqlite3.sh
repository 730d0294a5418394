# needs: sqlite3
sqlite3 t.db <<'END'
.mode csv
.import table.csv t
create index by_group on t("group");
select "group", count(*), sum(value), max(name) from t group by 1 order by 1;
with recursive c(x) as (select 1 union all select x + 1 from c where x < 40000)
  select count(*), sum(x * x % 1009) from c;
select a.id, b.id from t a join t b on a.value = b.value and a.id < b.id order by 1, 2 limit 10;
update t set name = upper(name) where id % 3 = 0;
delete from t where id % 7 = 0;
vacuum;
select count(*), group_concat(name, '|') from (select name from t order by id limit 20);
pragma integrity_check;
END
