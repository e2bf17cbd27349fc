-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- expect: line 19: SQL in a string names it
-- expect: line 20: a string is equal to the name
-- expect: line 21: a connection string names it
-- expect: line 22: SQL in a string names it
SET standard_conforming_strings = on;
CREATE SCHEMA shop AUTHORIZATION shop;
CREATE TABLE shop.shop (shop text DEFAULT 'shop.public.t', "a""b" int CONSTRAINT shop CHECK ((shop.shop <> '\')));
CREATE TABLE ⟦shop⟧.public.t (a int REFERENCES ⟦shop⟧.shop.shop (shop)) INHERITS (⟦shop⟧.public.p, shop.q);
CREATE VIEW public.v AS SELECT shop.shop, shop.shop.shop, ⟦shop⟧.shop.shop.shop, ⟦shop⟧.public.f(1) FROM ⟦shop⟧.shop.shop, ONLY (shop.shop) shop;
INSERT INTO ⟦shop⟧.public.t SELECT 1 FROM ⟦shop⟧.public.u WHERE EXTRACT(day FROM u.d) = 1;
COMMENT ON COLUMN ⟦shop⟧.shop.shop.shop IS 'shop.shop.shop';
/* nested /* shop.public.t */ ' " $$ */ SELECT 1 FROM ⟦shop⟧.public.t;
SELECT E'it\'s shop', e'\\', U&'d\0061ta', B'01', X'1F', N'a''b', $$it's "shop"$$, $a$ $$ $a$, $1, a$b$c FROM ⟦shop⟧.public.t;
SELECT E'a'
  -- continued
  'b''; DROP DATABASE shop;' FROM ⟦shop⟧.public.t;
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $_$ SELECT 'shop' $_$;
CREATE FUNCTION g() RETURNS text LANGUAGE sql AS $a$ SELECT dblink('dbname=shop') $b$ $a$;
CREATE FUNCTION h() RETURNS text LANGUAGE sql AS 'COMMENT ON DATABASE shop IS NULL';
CREATE FUNCTION i() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; DELETE FROM ⟦shop⟧.public.t; END;
CREATE RULE r AS ON INSERT TO ⟦shop⟧.public.t DO ALSO (INSERT INTO shop.log VALUES (1); DELETE FROM ⟦shop⟧.public.u; SELECT 1);
CREATE TRIGGER shop BEFORE INSERT OR UPDATE OF shop ON ⟦shop⟧.public.t FOR EACH ROW EXECUTE FUNCTION ⟦shop⟧.public.f();
GRANT ALL ON ⟦shop⟧.public.t TO shop;
CREATE INDEX shop ON ONLY ⟦shop⟧.public.t USING btree (shop);
ALTER TABLE ONLY ⟦shop⟧.public.t ATTACH PARTITION ⟦shop⟧.public.p FOR VALUES IN ('shop');
SELECT 1 FROM ⟦U&"sh\006fp"|shop_2⟧.public.t;
