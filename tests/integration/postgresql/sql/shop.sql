-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- One object of every class, with what a careless dump loses.
ALTER SCHEMA public OWNER TO owner_of_all;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO "App Users";
COMMENT ON SCHEMA public IS 'ours now';
CREATE SCHEMA "Odd Schema" AUTHORIZATION "App Users";
CREATE SCHEMA extensions;
CREATE EXTENSION hstore SCHEMA extensions;
CREATE EXTENSION pg_trgm SCHEMA extensions;
CREATE EXTENSION postgres_fdw SCHEMA extensions;
COMMENT ON EXTENSION hstore IS 'changed comment';

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE mood ADD VALUE 'so-so' BEFORE 'ok';
CREATE TYPE address AS (street text COLLATE "C", number integer);
CREATE TYPE float_range AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE DOMAIN positive AS integer DEFAULT 1 NOT NULL CONSTRAINT is_positive CHECK (VALUE > 0);
CREATE COLLATION german (provider = icu, locale = 'de-u-co-phonebk');
CREATE COLLATION ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

CREATE FUNCTION add_one(i integer, by integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 7
    AS 'SELECT i + by';
CREATE FUNCTION same_name(i integer) RETURNS integer LANGUAGE sql RETURN i + 1;
CREATE FUNCTION same_name(i text) RETURNS text LANGUAGE sql AS $$ SELECT i || $q$'"\$q$ $$;
CREATE FUNCTION secret() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = "$user", public
    AS 'BEGIN RETURN current_user; END';
REVOKE ALL ON FUNCTION secret() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION secret() TO reporting;
CREATE PROCEDURE do_nothing(INOUT a integer) LANGUAGE plpgsql AS 'BEGIN a := a; END';
CREATE AGGREGATE my_sum(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq, COMMUTATOR = ===, RESTRICT = eqsel);
CREATE FUNCTION mood_to_int(mood) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE CAST (mood AS integer) WITH FUNCTION mood_to_int(mood) AS ASSIGNMENT;
CREATE OPERATOR FAMILY odd_family USING btree;
CREATE OPERATOR CLASS odd_class FOR TYPE integer USING btree FAMILY odd_family AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer);
CREATE DEFAULT CONVERSION "Odd Schema".my_conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH DICTIONARY my_dictionary (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION my_search (COPY = english);
ALTER TEXT SEARCH CONFIGURATION my_search ALTER MAPPING FOR asciiword WITH my_dictionary;

CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5) PRIMARY KEY,
    name text COLLATE german NOT NULL,
    nickname text COLLATE ignoring_case,
    mail text UNIQUE,
    home address,
    feeling mood DEFAULT 'ok',
    age positive NOT NULL,
    price numeric(10, 2) CHECK (price >= 0),
    tags extensions.hstore,
    span float_range,
    doubled numeric GENERATED ALWAYS AS (price * 2) STORED,
    gone integer,
    raw bytea,
    moment timestamptz,
    long_interval interval,
    document jsonb,
    floats double precision[],
    fixed character(5),
    money money
) WITH (fillfactor = 80, autovacuum_enabled = false);
ALTER TABLE customers DROP COLUMN gone;
ALTER TABLE customers ALTER COLUMN mail SET STORAGE EXTERNAL, ALTER COLUMN document SET COMPRESSION pglz;
ALTER TABLE customers ALTER COLUMN name SET STATISTICS 321;
ALTER TABLE customers OWNER TO owner_of_all;
INSERT INTO customers (name, nickname, mail, home, feeling, age, price, tags, span, raw, moment, long_interval, document,
                       floats, fixed, money)
SELECT E'näme\t\\ "' || g, CASE WHEN g % 3 = 0 THEN NULL ELSE 'nick' END, 'm' || g || '@example.com',
       ROW(E'stre,et "(' || g, g)::address, (ARRAY['sad', 'so-so', 'ok', 'happy'])[1 + g % 4]::mood, g, g / 7.0,
       extensions.hstore('k', g::text), float_range(g, g + 0.1), decode(lpad(to_hex(g), 8, '0'), 'hex'),
       '2001-02-03 04:05:06.789+02'::timestamptz + g * interval '1 day', make_interval(0, g, 0, 1, 2, 3, 4.5678),
       jsonb_build_object('a', g, 'b', NULL, 'c', 'q''"'), ARRAY[g / 3.0, 'NaN', '-infinity', 1e-300], 'ab', g
  FROM generate_series(1, 200) g;
COMMENT ON TABLE customers IS 'who buys';
COMMENT ON COLUMN customers.price IS 'in euros';
GRANT SELECT ON customers TO reporting;
GRANT UPDATE (name, price) ON customers TO "App Users" WITH GRANT OPTION;
GRANT SELECT (id) ON customers TO PUBLIC;

CREATE TABLE orders (
    id serial PRIMARY KEY,
    customer bigint REFERENCES customers DEFERRABLE INITIALLY DEFERRED,
    parent integer,
    placed date NOT NULL DEFAULT '2020-01-01',
    CONSTRAINT parent_exists FOREIGN KEY (parent) REFERENCES orders (id),
    CONSTRAINT no_overlap EXCLUDE USING gist (int4range(id, id, '[]') WITH &&)
);
ALTER TABLE orders OWNER TO "App Users";
INSERT INTO orders (customer, parent) SELECT 10 + 5 * (g % 100), CASE WHEN g > 1 THEN g - 1 END FROM generate_series(1, 300) g;
ALTER TABLE orders ADD CONSTRAINT not_checked CHECK (parent < id) NOT VALID;
SELECT setval('orders_id_seq', 12345, true);

-- P25: tables that refer to each other
CREATE TABLE left_side (id integer PRIMARY KEY, other integer);
CREATE TABLE right_side (id integer PRIMARY KEY, other integer REFERENCES left_side);
ALTER TABLE left_side ADD CONSTRAINT circle FOREIGN KEY (other) REFERENCES right_side;
INSERT INTO left_side VALUES (1, NULL);
INSERT INTO right_side VALUES (1, 1);
UPDATE left_side SET other = 1;

CREATE TABLE log (what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO public.log VALUES (TG_OP || TG_TABLE_NAME); RETURN NEW; END';
CREATE TRIGGER "Odd Trigger" BEFORE INSERT OR UPDATE OF name ON customers FOR EACH ROW WHEN (NEW.name <> '') EXECUTE FUNCTION note();
CREATE TRIGGER disabled_one AFTER DELETE ON customers FOR EACH STATEMENT EXECUTE FUNCTION note();
ALTER TABLE customers DISABLE TRIGGER disabled_one;
CREATE TRIGGER always_one AFTER DELETE ON customers FOR EACH STATEMENT EXECUTE FUNCTION note();
ALTER TABLE customers ENABLE ALWAYS TRIGGER always_one;
COMMENT ON TRIGGER "Odd Trigger" ON customers IS 'trigger comment';

CREATE INDEX by_price ON customers (price DESC NULLS LAST) INCLUDE (name) WHERE price > 1;
CREATE INDEX by_expression ON customers (lower(name), (price + 1));
ALTER INDEX by_expression ALTER COLUMN 2 SET STATISTICS 500;
CREATE INDEX by_trigram ON customers USING gin (mail extensions.gin_trgm_ops);
CREATE UNIQUE INDEX for_replica ON customers (age);
ALTER TABLE customers REPLICA IDENTITY USING INDEX for_replica;
ALTER TABLE customers CLUSTER ON for_replica;
CREATE STATISTICS together (dependencies, ndistinct) ON name, mail FROM customers;

CREATE VIEW cheap WITH (security_barrier) AS SELECT id, name, price FROM customers WHERE price < 10 WITH LOCAL CHECK OPTION;
GRANT SELECT ON cheap TO reporting;
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n, sum(price) AS total FROM customers;
CREATE MATERIALIZED VIEW empty_one AS SELECT 1 AS one WITH NO DATA;
CREATE UNIQUE INDEX on_totals ON totals (n);
CREATE RULE no_delete AS ON DELETE TO log DO INSTEAD NOTHING;

CREATE TABLE measurements (day date NOT NULL, value integer, extra text) PARTITION BY RANGE (day);
CREATE TABLE measurements_2020 PARTITION OF measurements FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE measurements_2021 (extra text, value integer, dropped integer, day date NOT NULL);
ALTER TABLE measurements_2021 DROP COLUMN dropped;
ALTER TABLE measurements ATTACH PARTITION measurements_2021 FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE measurements_rest PARTITION OF measurements DEFAULT PARTITION BY HASH (value);
CREATE TABLE measurements_rest_0 PARTITION OF measurements_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE measurements_rest_1 PARTITION OF measurements_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO measurements SELECT date '2020-06-01' + g, g, 'x' || g FROM generate_series(1, 1000) g;
CREATE INDEX ON measurements (value);
CREATE TABLE known_values (value integer PRIMARY KEY);
INSERT INTO known_values SELECT g FROM generate_series(1, 1000) g;
ALTER TABLE measurements ADD CONSTRAINT is_known FOREIGN KEY (value) REFERENCES known_values;
CREATE TRIGGER on_measurements AFTER INSERT ON measurements FOR EACH ROW EXECUTE FUNCTION note();

CREATE TABLE animals (id integer, name text);
CREATE TABLE cats (lives integer) INHERITS (animals);
INSERT INTO animals VALUES (1, 'any');
INSERT INTO cats VALUES (2, 'cat', 9);
CREATE UNLOGGED TABLE scratch AS SELECT g FROM generate_series(1, 10) g;
CREATE TABLE of_type OF address;
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE "Odd Schema"."Tábl€ ""x"" 'y' \z" ("col ""q"" '%s' \" integer, "%(name)s" text);
INSERT INTO "Odd Schema"."Tábl€ ""x"" 'y' \z" VALUES (1, '\.'), (NULL, E'\\N');
COMMENT ON COLUMN "Odd Schema"."Tábl€ ""x"" 'y' \z"."%(name)s" IS 'percent';

CREATE SEQUENCE never_called START 77;
CREATE SEQUENCE moved AS smallint INCREMENT -2 MINVALUE -100 MAXVALUE 100 START 50 CACHE 3 CYCLE;
SELECT setval('moved', 20, false);
CREATE SEQUENCE "Odd Schema"."Séq' ""x\";
SELECT nextval('"Odd Schema"."Séq'' ""x\"');
GRANT USAGE ON SEQUENCE moved TO reporting;

CREATE TABLE secrets (who text, what text);
INSERT INTO secrets VALUES ('reporting', 'r'), ('other', 'o');
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY only_own ON secrets AS RESTRICTIVE FOR SELECT TO reporting, "App Users" USING (who = current_user);
CREATE POLICY any_insert ON secrets FOR INSERT WITH CHECK (what <> '');

ALTER DEFAULT PRIVILEGES FOR ROLE owner_of_all IN SCHEMA public GRANT SELECT ON TABLES TO reporting;
ALTER DEFAULT PRIVILEGES FOR ROLE owner_of_all REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE "App Users" GRANT USAGE ON SEQUENCES TO reporting WITH GRANT OPTION;

SELECT lo_from_bytea(4001, decode(repeat('00ff5c0a', 1000), 'hex'));
SELECT lo_from_bytea(4002, '');
SELECT lo_create(4003);
ALTER LARGE OBJECT 4001 OWNER TO owner_of_all;
GRANT SELECT ON LARGE OBJECT 4001 TO reporting;
COMMENT ON LARGE OBJECT 4002 IS 'empty one';

CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.example.com', dbname 'x');
CREATE USER MAPPING FOR reporting SERVER elsewhere OPTIONS (user 'u', password 'fdw-secret-password');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'everybody');
CREATE FOREIGN TABLE far_away (id integer OPTIONS (column_name 'x'), t text) SERVER elsewhere OPTIONS (table_name 'y');
GRANT USAGE ON FOREIGN SERVER elsewhere TO reporting;

CREATE PUBLICATION changes FOR TABLE customers (id, name) WHERE (price > 5), orders WITH (publish = 'insert, update');
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA "Odd Schema";
CREATE SUBSCRIPTION from_far CONNECTION 'host=db.example.com password=sub-secret-password dbname=x' PUBLICATION p1, p2
    WITH (connect = false, slot_name = 'my_slot');

-- P19: an event trigger that would fire in a restore, and leave traces or stop it
CREATE TABLE ddl_log (command text);
CREATE FUNCTION log_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN INSERT INTO public.ddl_log VALUES (TG_TAG); END $$;
CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not allowed: %', TG_TAG; END $$;
CREATE EVENT TRIGGER "Log DDL" ON ddl_command_end EXECUTE FUNCTION log_ddl();
CREATE EVENT TRIGGER forbid_drop ON sql_drop WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION forbid();
ALTER EVENT TRIGGER forbid_drop ENABLE ALWAYS;
CREATE EVENT TRIGGER forbid_refresh ON ddl_command_end WHEN TAG IN ('REFRESH MATERIALIZED VIEW', 'COMMENT') EXECUTE FUNCTION forbid();
ALTER EVENT TRIGGER forbid_refresh ENABLE ALWAYS;
TRUNCATE ddl_log;
