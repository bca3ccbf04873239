import HWModels

/// A cascade bound to the arrays of a spatial machine: which einsum runs where and beside which others.
///
/// Einsums are counted in busy cycles of an array that serves one operation of each element a cycle. Within an epoch the two
/// arrays work side by side, each through its own list; the epoch ends when both are through. Within a section memory and
/// arrays overlap perfectly; sections follow each other.
/// - Source: the waterfall of FuseMax (arXiv 2406.10491) and src/accel of its artifact.
public struct SpatialProgram: Sendable {
  /// Which array: the 2-D grid or the 1-D line.
  public enum Place: String, Sendable, Codable { case grid, line }

  /// Elementary operations of the whole call.
  public struct Operations: Sendable, Hashable {
    public var mac = 0.0
    public var add = 0.0
    public var max = 0.0
    public var exponential = 0.0
    public var divide = 0.0
    /// Exponentials that are made of multiply-accumulates, which are counted as such.
    public var polynomials = 0.0
    public init() {}
    public static func of(_ fill: (inout Self) -> Void) -> Self {
      var operations = Self()
      fill(&operations)
      return operations
    }
    /// The same operations on `points` points.
    public func times(_ points: Double) -> Self {
      var all = self
      all.mac *= points
      all.add *= points
      all.max *= points
      all.exponential *= points
      all.divide *= points
      all.polynomials *= points
      return all
    }
    public var count: Double { mac + add + max + exponential + divide }
  }

  /// An einsum bound to an array, with its operations.
  public struct Einsum: Sendable {
    public var name: String
    public var place: Place
    /// Cycles for which it holds its array.
    public var cycles: Double
    /// Share of its elements' cycles that go into what the call asks for: less where elements idle or compute padding.
    public var share: Double
    public var operations: Operations
    /// Whether it is a matrix product: one of attention's two, or a linear layer.
    public var isProduct: Bool

    public init(
      _ name: String, on place: Place, cycles: Double, share: Double = 1, operations: Operations,
      isProduct: Bool = false
    ) {
      self.name = name
      self.place = place
      self.cycles = cycles
      self.share = share
      self.operations = operations
      self.isProduct = isProduct
    }
  }

  /// What both arrays do side by side.
  public struct Epoch: Sendable {
    public var name: String
    public var einsums: [Einsum]
    /// Cycles in which both arrays wait, after the einsums.
    public var stall: Double
    public init(_ name: String, _ einsums: [Einsum], stall: Double = 0) {
      self.name = name
      self.einsums = einsums
      self.stall = stall
    }
    public func cycles(on place: Place) -> Double {
      einsums.reduce(0) { $0 + ($1.place == place ? $1.cycles : 0) }
    }
    /// From its begin to its end.
    public var cycles: Double { Swift.max(cycles(on: .grid), cycles(on: .line)) + stall }
  }

  /// Bytes of one tensor between memory and chip.
  public struct Transfer: Sendable, Hashable {
    public var tensor: String
    public var read: Double
    public var written: Double
    public init(_ tensor: String, read: Double = 0, written: Double = 0) {
      self.tensor = tensor
      self.read = read
      self.written = written
    }
  }

  /// Epochs beside which memory traffic runs.
  public struct Section: Sendable {
    public var name: String
    public var epochs: [Epoch]
    public var transfers: [Transfer]
    public init(_ name: String, epochs: [Epoch], transfers: [Transfer]) {
      self.name = name
      self.epochs = epochs
      self.transfers = transfers
    }
    public var cycles: Double { epochs.reduce(0) { $0 + $1.cycles } }
    public var bytes: Double { transfers.reduce(0) { $0 + $1.read + $1.written } }
  }

  /// Which energies are counted: those of the paper, or all.
  public enum Accounting: String, Sendable, CaseIterable {
    /// As the published energies were counted: registers of one element only, and no exponentials where einsums of the
    /// one-pass cascade run on elements with an exponential unit.
    case published
    /// Every register access and every exponential.
    case full
  }

  public var sections: [Section]
  /// Bytes read from and written to the global buffer by the arrays.
  public var bufferBytes: Double
  /// What the mapping keeps where, in words, for reports.
  public var mapping: [(name: String, value: String)]
  public var budget: Budget
  public var accounting: Accounting
  /// Whether the published energies leave out its exponentials.
  public var publishedOmitsExponentials: Bool
  /// What it computes.
  public var cascade: Cascade

  public init(
    sections: [Section], bufferBytes: Double, mapping: [(name: String, value: String)], budget: Budget,
    accounting: Accounting, publishedOmitsExponentials: Bool = false, cascade: Cascade
  ) {
    self.sections = sections
    self.bufferBytes = bufferBytes
    self.mapping = mapping
    self.budget = budget
    self.accounting = accounting
    self.publishedOmitsExponentials = publishedOmitsExponentials
    self.cascade = cascade
  }

  public var einsums: [Einsum] { sections.flatMap { $0.epochs.flatMap(\.einsums) } }
}
