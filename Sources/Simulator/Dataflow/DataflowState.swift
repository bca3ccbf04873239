/// Records of the dataflow event loop: flat, made once when a graph is lowered.
enum DataflowState {
  /// A node and where it is.
  struct Node: BitwiseCopyable {
    /// Local clock, in cycles.
    var time = 0
    /// When its first firing had all inputs.
    var start = 0
    /// Firings done in this play, and those still to come (the one under way among them).
    var fired = 0
    var remaining = 0
    /// Place in the firing under way: inputs taken, then computed, then outputs written.
    var step = 0
    /// When the outputs of the firing under way are on their way.
    var stamp = 0
    var interval = 0
    var latency = 0
    /// Ports lie in one array, inputs before outputs; those due at every firing are listed once more.
    var ports = 0
    var inputs = 0
    var outputs = 0
    var plainPorts = 0
    var plainInputs = 0
    var plainOutputs = 0
    /// Whether some port is not due at every firing.
    var isGrouped = false
    /// Nodes that wait on each other's room share a component.
    var component = 0
  }

  struct Port: BitwiseCopyable {
    var fifo = 0
    /// Firings from one element to the next.
    var every = 1
    /// Firings until it is due, this one included: 1 means now, `never` that no element is left.
    var countdown = 1
    /// Elements left, where they are fewer than the groups of firings.
    var left = Int.max
    /// Due at every firing, to the end.
    var isPlain = true

    static let never = Int.max

    /// Goes on by one firing.
    mutating func advance() {
      guard !isPlain, countdown != Self.never else { return }
      guard countdown == 1 else {
        countdown -= 1
        return
      }
      if left != Int.max { left -= 1 }
      countdown = left == 0 ? Self.never : every
    }
  }

  /// A FIFO: rings of the times at which elements are visible and slots are free again. All counts leave out what was
  /// jumped over.
  struct FIFO: BitwiseCopyable {
    /// Elements it may hold; `Int.max` for no bound.
    var depth = Int.max
    var writes = 0
    var reads = 0
    /// Times by element: entered and visible at the writer's end, free again at the reader's.
    var entered: UnsafeMutablePointer<Int>
    var visible: UnsafeMutablePointer<Int>
    var freed: UnsafeMutablePointer<Int>
    var mask = 0
    /// Elements up to here may be written before the rings need a look.
    var safe = 0
    var writer = 0
    var reader = 0
    /// The last element that its reader waited for.
    var lastAwaited = -1
    /// Occupancy: the next element whose leaving is accounted for, how many entered before it left, and the most so far.
    var accounted = 0
    var enteredBefore = 0
    var peak = 0
    /// Its writer ran ahead of its reader over a jump.
    var drifted = false

    var occupied: Int { writes - reads }
    var room: Int { depth == Int.max ? Int.max : depth - (writes - reads) }
  }
}
