-- Tables of published cells and units. {parent}, {table}, {view}, {index} are identifiers; {year}, {columns} are ours.

-- name: prepare
CREATE SCHEMA IF NOT EXISTS carbongrid;
CREATE TABLE IF NOT EXISTS carbongrid.editions (
    inventory text PRIMARY KEY,
    edition text NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS carbongrid.partitions (
    parent text NOT NULL,
    year integer NOT NULL,
    inventory text NOT NULL,
    release text NOT NULL,
    partition text NOT NULL,
    records bigint NOT NULL,
    PRIMARY KEY (parent, year)
);
COMMENT ON TABLE carbongrid.editions IS 'Edition in force of every inventory, as Carbongrid published it last';
COMMENT ON TABLE carbongrid.partitions IS 'Release and table of every year of every level';

-- name: parent
CREATE TABLE IF NOT EXISTS {parent} (
    {columns},
    PRIMARY KEY (id, year)
) PARTITION BY LIST (year);
CREATE INDEX IF NOT EXISTS {index} ON {parent} USING gist (geom);

-- name: load
CREATE TABLE {table} (LIKE {parent} INCLUDING GENERATED INCLUDING COMMENTS);

-- name: index
ALTER TABLE {table} ADD PRIMARY KEY (id, year);
ALTER TABLE {table} ADD CONSTRAINT one_year CHECK (year = {year});
CREATE INDEX ON {table} USING gist (geom);
ANALYZE {table};

-- name: detach
ALTER TABLE {parent} DETACH PARTITION {table};
DROP TABLE {table};

-- name: attach
ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES IN ({year});

-- name: view
CREATE OR REPLACE VIEW {view} AS SELECT * FROM {parent} WHERE year = {year};

-- name: remember
INSERT INTO carbongrid.partitions (parent, year, inventory, release, partition, records)
VALUES (%(parent)s, %(year)s, %(inventory)s, %(release)s, %(partition)s, %(records)s)
ON CONFLICT (parent, year) DO UPDATE
SET release = excluded.release, partition = excluded.partition, records = excluded.records;

-- name: forget
DELETE FROM carbongrid.partitions WHERE parent = %(parent)s AND year = %(year)s;

-- name: in_force
INSERT INTO carbongrid.editions (inventory, edition) VALUES (%(inventory)s, %(edition)s)
ON CONFLICT (inventory) DO UPDATE SET edition = excluded.edition, published_at = now();

-- name: loaded
SELECT parent, year, release, partition, records FROM carbongrid.partitions WHERE inventory = %(inventory)s;

-- name: strays
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'carbongrid' AND c.relkind = 'r' AND NOT c.relispartition AND c.relname LIKE %(pattern)s;

-- name: present
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum;

-- name: reader
DO $$ BEGIN CREATE ROLE carbongrid_reader NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT USAGE ON SCHEMA carbongrid TO carbongrid_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA carbongrid TO carbongrid_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA carbongrid GRANT SELECT ON TABLES TO carbongrid_reader;
