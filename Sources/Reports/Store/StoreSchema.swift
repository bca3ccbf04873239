import GRDB

/// The tables of a result database. Migrations are added at the end and never edited.
///
/// All values are in SI units, named in the column. A run's numbers are in `runs`, one row each; lists are in child
/// tables with `position` in the order of the result. `run_summary` joins what people ask for.
enum StoreSchema {
  /// `attn` in ASCII: says that a SQLite file is ours.
  static let applicationID: Int32 = 0x6174_746e
  static let migrationNames = [
    "v1 runs, devices, sources, sweeps", "v2 nodes and FIFOs, einsums and energies", "v3 lengths of a batch",
    "v4 power that is not known", "v5 lengths of queries", "v6 keys shared by a batch",
  ]
  static var version: Int { migrationNames.count }

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration(migrationNames[0]) { database in
      try database.execute(sql: version1)
      try database.execute(sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = 1")
    }
    migrator.registerMigration(migrationNames[1]) { database in
      try database.execute(sql: version2)
      try database.execute(sql: "PRAGMA user_version = 2")
    }
    migrator.registerMigration(migrationNames[2]) { database in
      // Keys of each sequence as asked; NULL where all have seq_kv.
      try database.execute(sql: "ALTER TABLE runs ADD COLUMN lengths TEXT; PRAGMA user_version = 3")
    }
    migrator.registerMigration(migrationNames[3]) { database in
      try database.execute(sql: version4)
      try database.execute(sql: "PRAGMA user_version = 4")
    }
    migrator.registerMigration(migrationNames[4]) { database in
      // Lengths may say queries too (`32x1/4k,2048/2048`), which earlier tools cannot read; the summary shows them.
      try database.execute(sql: version5)
      try database.execute(sql: "PRAGMA user_version = 5")
    }
    migrator.registerMigration(migrationNames[5]) { database in
      // Leading keys that all sequences share; NULL where they share none.
      try database.execute(sql: "ALTER TABLE runs ADD COLUMN shared_prefix INTEGER; PRAGMA user_version = 6")
    }
    return migrator
  }

  private static let version5 = """
    DROP VIEW run_summary;
    CREATE VIEW run_summary AS
      SELECT run_id, device_id, schedule, pass, data_type, mask, batch, heads_q, heads_kv, seq_q, seq_kv, lengths,
        head_dim, head_dim_v, mode, time_s * 1e6 AS time_us, kernel_time_s * 1e6 AS kernel_time_us, cycles,
        clock_hz / 1e6 AS clock_mhz, clock_limiter, power_w, energy_j,
        useful_flops / time_s / 1e12 AS useful_tflops_per_s
      FROM runs JOIN devices USING (device_key);
    """

  private static let version1 = """
    CREATE TABLE devices (
      device_key INTEGER PRIMARY KEY,
      content_hash BLOB NOT NULL UNIQUE,
      device_id TEXT NOT NULL,
      name TEXT NOT NULL,
      kind TEXT NOT NULL,
      file_hash TEXT,             -- SHA-256 of the device file as read
      values_json TEXT NOT NULL,  -- every number by path, in base units, changes applied
      provenance_key INTEGER NOT NULL REFERENCES provenances
    ) STRICT;
    CREATE TABLE provenances (
      provenance_key INTEGER PRIMARY KEY,
      content_hash BLOB NOT NULL UNIQUE,
      provenance_json TEXT NOT NULL
    ) STRICT;
    CREATE TABLE sources (
      source_key INTEGER PRIMARY KEY,
      content_hash BLOB NOT NULL UNIQUE,
      kind TEXT NOT NULL,         -- 'scenario' or 'flags'
      name TEXT NOT NULL,
      text TEXT NOT NULL
    ) STRICT;
    CREATE TABLE runs (
      run_id INTEGER PRIMARY KEY,
      content_hash BLOB NOT NULL UNIQUE,
      tool_version TEXT NOT NULL,
      source_key INTEGER NOT NULL REFERENCES sources,
      device_key INTEGER NOT NULL REFERENCES devices,
      overrides_json TEXT NOT NULL,
      schedule TEXT NOT NULL,
      parameters_json TEXT NOT NULL,
      pass TEXT NOT NULL,
      data_type TEXT NOT NULL,
      mask TEXT NOT NULL,
      batch INTEGER NOT NULL,
      heads_q INTEGER NOT NULL,
      heads_kv INTEGER NOT NULL,
      seq_q INTEGER NOT NULL,
      seq_kv INTEGER NOT NULL,
      head_dim INTEGER NOT NULL,
      head_dim_v INTEGER NOT NULL,
      mode TEXT NOT NULL,
      locked_clock_hz REAL,
      time_s REAL NOT NULL,
      kernel_time_s REAL NOT NULL,
      cycles REAL NOT NULL,
      clock_hz REAL NOT NULL,
      clock_limiter TEXT NOT NULL,
      power_w REAL NOT NULL,
      energy_j REAL NOT NULL,
      useful_flops REAL NOT NULL,
      executed_flops REAL NOT NULL,
      tightest_bound TEXT,
      tightest_bound_s REAL,
      utilisation_json TEXT NOT NULL,  -- busy share of each unit: utilisation_json ->> 'tensor'
      work_json TEXT NOT NULL,         -- counted work by kind
      events INTEGER NOT NULL,
      jumped_events INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX runs_by_question ON runs (schedule, device_key, seq_q, seq_kv);
    CREATE TABLE phases (
      run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
      name TEXT NOT NULL, time_s REAL NOT NULL, cycles REAL NOT NULL,
      PRIMARY KEY (run_id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE kernels (
      run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
      name TEXT NOT NULL, cycles REAL NOT NULL, work_items INTEGER NOT NULL, resident_items INTEGER NOT NULL,
      cores_used INTEGER NOT NULL, waves REAL NOT NULL, occupancy REAL NOT NULL,
      PRIMARY KEY (run_id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE item_classes (
      run_id INTEGER NOT NULL REFERENCES runs, kernel_position INTEGER NOT NULL, position INTEGER NOT NULL,
      count INTEGER NOT NULL, trips INTEGER NOT NULL, cycles REAL NOT NULL,
      period_trips INTEGER, period_ticks INTEGER, jumped_trips INTEGER,
      PRIMARY KEY (run_id, kernel_position, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE resources (
      run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
      resource TEXT NOT NULL, busy_cycles REAL NOT NULL, utilisation REAL NOT NULL,
      PRIMARY KEY (run_id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE traffic (
      run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
      level TEXT NOT NULL, read_bytes REAL NOT NULL, write_bytes REAL NOT NULL,
      PRIMARY KEY (run_id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE bounds (
      run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
      resource TEXT NOT NULL, time_s REAL NOT NULL, ceiling_per_s REAL NOT NULL, unit TEXT NOT NULL,
      amount REAL NOT NULL,
      PRIMARY KEY (run_id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE warnings (
      run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
      code TEXT NOT NULL, message TEXT NOT NULL,
      PRIMARY KEY (run_id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE sweeps (
      sweep_id INTEGER PRIMARY KEY,
      content_hash BLOB NOT NULL UNIQUE,
      name TEXT NOT NULL,
      source_key INTEGER NOT NULL REFERENCES sources,
      axes_json TEXT NOT NULL,    -- names of the axes, outermost first
      point_count INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE sweep_points (
      sweep_id INTEGER NOT NULL REFERENCES sweeps,
      point_index INTEGER NOT NULL,
      shard INTEGER,
      axis_values_json TEXT NOT NULL,  -- values as written, in the order of the axes
      run_id INTEGER REFERENCES runs,
      problem TEXT,                    -- why the point has no run
      PRIMARY KEY (sweep_id, point_index),
      CHECK ((run_id IS NULL) <> (problem IS NULL))
    ) STRICT, WITHOUT ROWID;
    CREATE VIEW run_summary AS
      SELECT run_id, device_id, schedule, pass, data_type, mask, batch, heads_q, heads_kv, seq_q, seq_kv, head_dim,
        head_dim_v, mode, time_s * 1e6 AS time_us, kernel_time_s * 1e6 AS kernel_time_us, cycles,
        clock_hz / 1e6 AS clock_mhz, clock_limiter, power_w, energy_j,
        useful_flops / time_s / 1e12 AS useful_tflops_per_s
      FROM runs JOIN devices USING (device_key);
    """
}
