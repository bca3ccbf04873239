/// Records of the dataflow event loop: flat, made once when a graph is lowered.
enum DataflowState {
  /// A node and where it is.
  struct Node: BitwiseCopyable {
    /// Local clock, in cycles.
    var time = 0
    /// When its first firing had all inputs.
    var start = 0
    /// Firings played, those jumped over, and those still to come (the one under way among them).
    var fired = 0
    var jumped = 0
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

  /// A FIFO: rings of the times at which elements are visible and slots are free again.
  struct FIFO: BitwiseCopyable {
    /// Elements it may hold; `Int.max` for no bound.
    var depth = Int.max
    /// Elements that its writer may be ahead by in the order of playing: the depth, or what has to be kept where there is none.
    var bound = Int.max
    /// Elements by their places in the rings; those that were jumped over have none.
    var writes = 0
    var reads = 0
    var jumped = 0
    /// Times by element: entered and visible at the writer's end, free again at the reader's. Less `shiftIn` and `shiftOut`,
    /// by which jumps moved all of them.
    var entered: UnsafeMutablePointer<Int>
    var visible: UnsafeMutablePointer<Int>
    var freed: UnsafeMutablePointer<Int>
    var mask = 0
    var shiftIn = 0
    var shiftOut = 0
    /// The first element that is still in the rings, where they grew.
    var oldest = 0
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

    func entered(_ element: Int) -> Int { entered[element & mask] &+ shiftIn }
    func visible(_ element: Int) -> Int { visible[element & mask] &+ shiftIn }
    func freed(_ element: Int) -> Int { freed[element & mask] &+ shiftOut }

    /// Whether the rings still hold the last `count` elements that were taken.
    func remembers(_ count: Int) -> Bool { reads - count >= max(oldest, writes - mask - 1) }

    var occupied: Int { writes - reads }
    var room: Int { bound - (writes - reads) }
  }
}
