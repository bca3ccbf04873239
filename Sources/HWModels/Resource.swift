/// What an operation can keep busy: the units of one core, and its share of the levels behind it.
///
/// Each serves in order at a rate. A core is an SM, a CU, an Xe core or an array.
public enum Resource: Int, CaseIterable, Sendable, Codable {
  /// Matrix unit (tensor core, MFMA, XMX).
  case tensor
  /// Exponential unit (MUFU, transcendental unit).
  case exp
  /// Fused multiply-add pipe; also multiplies and adds.
  case fma
  /// Integer, compare, maximum and convert pipe.
  case alu
  /// Instruction issue slots, one per sub-core and cycle.
  case issue
  /// Lane exchange (shuffle, permute).
  case shuffle
  /// Shared memory (LDS, SLM, global buffer) port, both directions.
  case shared
  /// Tensor memory port, where the core has one.
  case tensorMemory
  /// The core's port to the last shared cache.
  case l2
  /// The core's share of device memory bandwidth.
  case dram
  /// Read-modify-write at the shared cache.
  case atomic
  /// Places of a streaming machine, configured as nodes: firings.
  case node
  /// The 2-D array of processing elements of a spatial machine.
  case array2D
  /// Its 1-D array.
  case array1D

  public static let count = Resource.allCases.count

  /// The name in reports, files and the database.
  public var name: String {
    switch self {
    case .tensor: "tensor"
    case .exp: "exp"
    case .fma: "fma"
    case .alu: "alu"
    case .issue: "issue"
    case .shuffle: "shuffle"
    case .shared: "shared"
    case .tensorMemory: "tensor_memory"
    case .l2: "l2"
    case .dram: "dram"
    case .atomic: "atomic"
    case .node: "node"
    case .array2D: "array_2d"
    case .array1D: "array_1d"
    }
  }
}
