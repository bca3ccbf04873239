public import Results

/// A result with what is needed to make it again.
public struct RunRecord: Sendable {
  public var result: SimulationResult
  public var source: Source
  /// `ContentHash.hex` of the device file's text, where the device came from a file.
  public var deviceFileHash: String?
  public var toolVersion: String

  /// Where the request came from.
  public enum Source: Sendable, Hashable {
    case scenario(name: String, text: String)
    /// The command line, without the program's name.
    case flags(String)

    var kind: String {
      switch self {
      case .scenario: "scenario"
      case .flags: "flags"
      }
    }
    var name: String {
      switch self {
      case .scenario(let name, _): name
      case .flags: ""
      }
    }
    var text: String {
      switch self {
      case .scenario(_, let text), .flags(let text): text
      }
    }
  }

  public init(result: SimulationResult, source: Source, deviceFileHash: String? = nil, toolVersion: String) {
    self.result = result
    self.source = source
    self.deviceFileHash = deviceFileHash
    self.toolVersion = toolVersion
  }
}

/// One line of a listing.
public struct RunSummary: Sendable, Hashable {
  public var id: Int64
  public var device: String
  public var schedule: String
  /// The shape in words.
  public var shape: String
  public var mode: String
  public var timeSeconds: Double
  public var usefulFlopsPerSecond: Double
}

/// Which runs to list; nil takes all.
public struct RunFilter: Sendable, Hashable {
  public var device: String?
  public var schedule: String?
  public var mask: String?
  public var seqQ: Int?
  public var seqKV: Int?
  public var headDim: Int?
  public init(
    device: String? = nil, schedule: String? = nil, mask: String? = nil, seqQ: Int? = nil, seqKV: Int? = nil,
    headDim: Int? = nil
  ) {
    self.device = device
    self.schedule = schedule
    self.mask = mask
    self.seqQ = seqQ
    self.seqKV = seqKV
    self.headDim = headDim
  }
}

/// A set of runs over the product of some axes.
public struct SweepRecord: Sendable, Hashable {
  public var name: String
  public var source: RunRecord.Source
  /// Names of the axes, outermost first.
  public var axes: [String]
  public var pointCount: Int
  public init(name: String, source: RunRecord.Source, axes: [String], pointCount: Int) {
    self.name = name
    self.source = source
    self.axes = axes
    self.pointCount = pointCount
  }
}

/// One point of a sweep and what became of it.
public struct SweepPoint: Sendable, Hashable {
  public var index: Int
  /// Values as written, in the order of the axes.
  public var axisValues: [String]
  public var outcome: Outcome
  /// What came of a point: a result, or why there is none.
  public enum Outcome: Sendable, Hashable {
    case run(Int64)
    /// Why there is no result: the schedule refuses the shape, the program does not fit.
    case problem(String)
  }
}
