/// What a work item does, which work items there are, and who takes them when.
public struct Kernel: Sendable {
  public var name: String
  public var buffers: [Buffer]
  public var barriers: [Barrier]
  /// Which barriers hand the slots of which buffer from producer to consumers and back.
  public var rings: [Ring]
  public var actors: [Actor]
  /// The actor whose loops mark where an item's prologue ends and its epilogue begins, and whose trips periods are counted in:
  /// the one added last, since consumers come after the producers that they wait for.
  public var pacingActor: Int { actors.count - 1 }
  /// Names of the per-item numbers that trip counts refer to, by index.
  public var stepNames: @Sendable () -> [String]
  public var items: ItemSpace
  public var policy: TilePolicy
  public var footprint: Footprint
  /// Whether its matrix work blocks its warps and takes operands from registers; set by `KernelBuilder`.
  public var usesSynchronousProducts: Bool
  /// What it does for the call.
  public var role = Role.main
  /// What its work items read in common, where that is not the keys and values of the call.
  public var sharedStream: SharedStream?
  /// Part of a call that a kernel is.
  public enum Role: String, Sendable, Hashable {
    case main
    /// Copies an input into the order in which the others read it.
    case rearrange
    /// Prepares what the main kernel reads.
    case preprocess
    /// Turns what the main kernel wrote into the result.
    case postprocess
  }

  /// Tiles that all work items of a sequence stream past themselves.
  public struct SharedStream: Sendable, Hashable {
    /// Sequences with tiles of their own.
    public var sequences: Int
    /// Bytes of one sequence that its items read.
    public var bytesRead: Double
    /// Bytes of one sequence to which its items add in the shared cache.
    public var bytesAccumulated: Double
    /// Bytes of the whole call to which only items of one tile add (dK and dV of grouped heads).
    public var bytesAccumulatedByTile: Double
    /// Of `bytesRead`, those that `commonTo` sequences have in common (a shared prefix).
    public var bytesCommon = 0.0
    public var commonTo = 1
    public init(
      sequences: Int, bytesRead: Double, bytesAccumulated: Double, bytesAccumulatedByTile: Double = 0
    ) {
      self.sequences = sequences
      self.bytesRead = bytesRead
      self.bytesAccumulated = bytesAccumulated
      self.bytesAccumulatedByTile = bytesAccumulatedByTile
    }
  }
  /// Whether the tensors that it reads hold zeros (memory that nobody wrote), which costs less energy.
  public var operandsAreZero = false
}
