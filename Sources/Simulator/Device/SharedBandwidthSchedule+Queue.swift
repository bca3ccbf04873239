extension SharedBandwidthSchedule {
  /// Launches that nobody has taken yet.
  struct LaunchQueue {
    private let launches: [Launches]
    private var left: [(sequence: Int, count: Int)]
    private var head = 0
    /// Launches taken since the present ones came to the head of the queue.
    private var taken = 0

    init(_ launches: [Launches], from skipped: Int) {
      self.launches = launches
      var skipped = skipped
      left = launches.enumerated().compactMap { index, launch in
        let used = min(skipped, launch.count)
        skipped -= used
        return used < launch.count && !launch.sequence.isEmpty ? (index, launch.count - used) : nil
      }
    }

    /// `wanted` launches for each of as many as possible of `cores` equal cores.
    mutating func take(_ wanted: Int, forEachOf cores: Int) -> (cores: Int, slots: [Slot]) {
      guard wanted > 0, head < left.count else { return (cores, []) }
      let same = left[head].count / wanted
      if same > 0 {
        let served = min(same, cores)
        let sequence = left[head].sequence
        drop(served * wanted)
        return (served, Array(repeating: slot(sequence), count: wanted))
      }
      var slots: [Slot] = []
      while slots.count < wanted, head < left.count {
        slots.append(slot(left[head].sequence))
        drop(1)
      }
      return (1, slots)
    }

    /// The launches that are taken next, if each is a single item.
    var following: (sequence: Int, count: Int)? {
      guard head < left.count, launches[left[head].sequence].sequence.count == 1,
        launches[left[head].sequence].sequence[0].count == 1
      else { return nil }
      return left[head]
    }

    /// Whether every one of `slots` slots may have taken one of the launches at the head; true once for each such turn.
    mutating func hasTurned(slots: Int) -> Bool {
      guard taken >= slots else { return false }
      taken = 0
      return true
    }

    private func slot(_ sequence: Int) -> Slot {
      let first = launches[sequence].sequence[0]
      return Slot(
        sequence: sequence, run: 0, itemClass: first.itemClass, left: Double(first.count), isFirst: false)
    }

    mutating func drop(_ count: Int) {
      left[head].count -= count
      taken += count
      if left[head].count == 0 {
        head += 1
        taken = 0
      }
    }
  }
}
