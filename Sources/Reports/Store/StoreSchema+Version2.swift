extension StoreSchema {
  /// What runs on streaming machines, FPGAs and spatial arrays say beyond kernels and units.
  static let version2 = """
    CREATE TABLE dataflow_runs (
      run_id INTEGER PRIMARY KEY REFERENCES runs,
      graph TEXT NOT NULL, copies INTEGER NOT NULL, heads_per_copy INTEGER NOT NULL,
      layers INTEGER, latency_cycles INTEGER,  -- of a pipeline of images
      fastest_s REAL, slowest_s REAL           -- of an image, where no clock is published
    ) STRICT;
    CREATE TABLE dataflow_nodes (
      run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
      name TEXT NOT NULL, pattern TEXT NOT NULL, firings INTEGER NOT NULL, utilisation REAL NOT NULL,
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
    CREATE TABLE dataflow_budget (
      run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
      item TEXT NOT NULL, needed INTEGER NOT NULL, available INTEGER,
      PRIMARY KEY (run_id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE spatial_runs (
      run_id INTEGER PRIMARY KEY REFERENCES runs,
      stall_cycles REAL NOT NULL, compute_cycles REAL NOT NULL, memory_s REAL NOT NULL, area_mm2 REAL
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
    CREATE TABLE spatial_traffic (
      run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
      name TEXT NOT NULL, bytes REAL NOT NULL,
      PRIMARY KEY (run_id, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE spatial_mapping (
      run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL,
      name TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY (run_id, position)
    ) STRICT, WITHOUT ROWID;
    """
}
