extension StoreSchema {
  /// Power and energy may be NULL: of streaming machines and FPGAs none is known, and 0 said something else. A column loses
  /// NOT NULL only with its table (sqlite.org/lang_altertable.html, section 7); children name it and stay as they are.
  static let version4 = """
    DROP VIEW run_summary;
    CREATE TABLE new_runs (
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
      power_w REAL,
      energy_j REAL,
      useful_flops REAL NOT NULL,
      executed_flops REAL NOT NULL,
      tightest_bound TEXT,
      tightest_bound_s REAL,
      utilisation_json TEXT NOT NULL,  -- busy share of each unit: utilisation_json ->> 'tensor'
      work_json TEXT NOT NULL,         -- counted work by kind
      events INTEGER NOT NULL,
      jumped_events INTEGER NOT NULL,
      lengths TEXT  -- keys of each sequence as asked; NULL where all have seq_kv
    ) STRICT;
    INSERT INTO new_runs SELECT * FROM runs;
    UPDATE new_runs SET power_w = NULL WHERE power_w = 0;
    UPDATE new_runs SET energy_j = NULL WHERE energy_j = 0;
    DROP TABLE runs;
    ALTER TABLE new_runs RENAME TO runs;
    CREATE INDEX runs_by_question ON runs (schedule, device_key, seq_q, seq_kv);
    CREATE VIEW run_summary AS
      SELECT run_id, device_id, schedule, pass, data_type, mask, batch, heads_q, heads_kv, seq_q, seq_kv, head_dim,
        head_dim_v, mode, time_s * 1e6 AS time_us, kernel_time_s * 1e6 AS kernel_time_us, cycles,
        clock_hz / 1e6 AS clock_mhz, clock_limiter, power_w, energy_j,
        useful_flops / time_s / 1e12 AS useful_tflops_per_s
      FROM runs JOIN devices USING (device_key);
    """
}
