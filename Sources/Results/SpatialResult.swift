/// What a run on a spatial array says of its einsums, its energy and its mapping.
public struct SpatialResult: Sendable, Hashable {
  /// One einsum as bound: its array, its cycles and how much of the array it uses.
  public struct Einsum: Sendable, Hashable {
    public var name: String
    /// The section it belongs to.
    public var section: String
    /// `2d` or `1d`.
    public var array: String
    /// Cycles for which it holds its array.
    public var cycles: Double
    /// Busy share of its array's elements over the whole run.
    public var utilisation: Double

    public init(name: String, section: String, array: String, cycles: Double, utilisation: Double) {
      self.name = name
      self.section = section
      self.array = array
      self.cycles = cycles
      self.utilisation = utilisation
    }
  }

  /// An amount by name, in joules or bytes.
  public struct Amount: Sendable, Hashable {
    public var name: String
    public var value: Double
    public init(name: String, value: Double) {
      self.name = name
      self.value = value
    }
  }

  /// A number of the mapping in words, for reports.
  public struct Fact: Sendable, Hashable {
    public var name: String
    public var value: String
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  public var einsums: [Einsum]
  /// Cycles in which both arrays wait for each other's results.
  public var stallCycles: Double
  /// Busy cycles of the two arrays, one epoch after another.
  public var computeCycles: Double
  /// Seconds that memory needs.
  public var memorySeconds: Double
  /// Joules: `dram`, `buffer`, `registers`, then operations.
  public var energy: [Amount]
  /// Bytes of each tensor between memory and chip.
  public var traffic: [Amount]
  public var mapping: [Fact]
  /// nil where the device file states none.
  public var areaSquareMillimetres: Double?

  public init(
    einsums: [Einsum], stallCycles: Double, computeCycles: Double, memorySeconds: Double, energy: [Amount],
    traffic: [Amount], mapping: [Fact], areaSquareMillimetres: Double?
  ) {
    self.einsums = einsums
    self.stallCycles = stallCycles
    self.computeCycles = computeCycles
    self.memorySeconds = memorySeconds
    self.energy = energy
    self.traffic = traffic
    self.mapping = mapping
    self.areaSquareMillimetres = areaSquareMillimetres
  }
}
