CREATE INDEX runs_by_question ON runs (schedule, device_key, seq_q, seq_kv);
CREATE TABLE bounds (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  resource TEXT NOT NULL, time_s REAL NOT NULL, ceiling_per_s REAL NOT NULL, unit TEXT NOT NULL,
  amount REAL NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE dataflow_budget (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  item TEXT NOT NULL, needed INTEGER NOT NULL, available INTEGER,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE dataflow_fifos (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  name TEXT NOT NULL, writer TEXT NOT NULL, reader TEXT NOT NULL, depth INTEGER,
  bytes_per_element INTEGER NOT NULL, elements INTEGER NOT NULL, peak INTEGER,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE dataflow_kernels (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  stage INTEGER NOT NULL, name TEXT NOT NULL, cycles INTEGER NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE dataflow_nodes (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  name TEXT NOT NULL, pattern TEXT NOT NULL, firings INTEGER NOT NULL, utilisation REAL NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE dataflow_runs (
  run_id INTEGER PRIMARY KEY REFERENCES runs,
  graph TEXT NOT NULL, copies INTEGER NOT NULL, heads_per_copy INTEGER NOT NULL,
  layers INTEGER, latency_cycles INTEGER,  -- of a pipeline of images
  fastest_s REAL, slowest_s REAL           -- of an image, where no clock is published
) STRICT;
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
CREATE TABLE item_classes (
  run_id INTEGER NOT NULL REFERENCES runs, kernel_position INTEGER NOT NULL, position INTEGER NOT NULL,
  count INTEGER NOT NULL, trips INTEGER NOT NULL, cycles REAL NOT NULL,
  period_trips INTEGER, period_ticks INTEGER, jumped_trips INTEGER,
  PRIMARY KEY (run_id, kernel_position, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE kernels (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  name TEXT NOT NULL, cycles REAL NOT NULL, work_items INTEGER NOT NULL, resident_items INTEGER NOT NULL,
  cores_used INTEGER NOT NULL, waves REAL NOT NULL, occupancy REAL NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE phases (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  name TEXT NOT NULL, time_s REAL NOT NULL, cycles REAL NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE provenances (
  provenance_key INTEGER PRIMARY KEY,
  content_hash BLOB NOT NULL UNIQUE,
  provenance_json TEXT NOT NULL
) STRICT;
CREATE TABLE resources (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  resource TEXT NOT NULL, busy_cycles REAL NOT NULL, utilisation REAL NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE "runs" (
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
, shared_prefix INTEGER) STRICT;
CREATE TABLE sources (
  source_key INTEGER PRIMARY KEY,
  content_hash BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL,         -- 'scenario' or 'flags'
  name TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE TABLE spatial_einsums (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  name TEXT NOT NULL, section TEXT NOT NULL, array TEXT NOT NULL, cycles REAL NOT NULL,
  utilisation REAL NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE spatial_energy (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  name TEXT NOT NULL, energy_j REAL NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE spatial_mapping (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE spatial_runs (
  run_id INTEGER PRIMARY KEY REFERENCES runs,
  stall_cycles REAL NOT NULL, compute_cycles REAL NOT NULL, memory_s REAL NOT NULL, area_mm2 REAL
) STRICT;
CREATE TABLE spatial_traffic (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  name TEXT NOT NULL, bytes REAL NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE sweeps (
  sweep_id INTEGER PRIMARY KEY,
  content_hash BLOB NOT NULL UNIQUE,
  name TEXT NOT NULL,
  source_key INTEGER NOT NULL REFERENCES sources,
  axes_json TEXT NOT NULL,    -- names of the axes, outermost first
  point_count INTEGER NOT NULL
) STRICT;
CREATE TABLE traffic (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  level TEXT NOT NULL, read_bytes REAL NOT NULL, write_bytes REAL NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE warnings (
  run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
  code TEXT NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE VIEW run_summary AS
  SELECT run_id, device_id, schedule, pass, data_type, mask, batch, heads_q, heads_kv, seq_q, seq_kv, lengths,
    head_dim, head_dim_v, mode, time_s * 1e6 AS time_us, kernel_time_s * 1e6 AS kernel_time_us, cycles,
    clock_hz / 1e6 AS clock_mhz, clock_limiter, power_w, energy_j,
    useful_flops / time_s / 1e12 AS useful_tflops_per_s
  FROM runs JOIN devices USING (device_key);
