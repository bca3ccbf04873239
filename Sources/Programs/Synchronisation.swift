/// Who goes on while others work, and who has to arrive where.
extension Operation.Unit {
  /// Whether the actor goes on while the unit works.
  package var isAsynchronous: Bool {
    switch self {
    case .tensorAsync, .tensorAsyncRegisters, .copyAsync, .loadAsync: true
    case .vector, .tensorSync, .loadStore, .sync: false
    }
  }
}

extension Barrier {
  /// Who makes the arrivals of a phase.
  package struct Share: Sendable {
    /// Actors that signal the barrier, ascending; empty where arrivals do not divide among them and count whoever makes
    /// them.
    package var actors: [Int]
    /// Arrivals of each of those actors in a phase, or of all together.
    package var arrivals: Int
  }
}

extension Kernel {
  /// How the arrivals of each barrier are shared among the actors that signal it.
  package var barrierShares: [Barrier.Share] {
    var signallers = [[Int]](repeating: [], count: barriers.count)
    for (index, actor) in actors.enumerated() {
      for block in actor.blocks {
        for operation in block.operations {
          for signal in operation.signals where signallers[signal.index].last != index {
            signallers[signal.index].append(index)
          }
        }
      }
    }
    return zip(barriers, signallers).map { barrier, actors in
      guard !actors.isEmpty, barrier.arrivals % actors.count == 0 else {
        return Barrier.Share(actors: [], arrivals: barrier.arrivals)
      }
      return Barrier.Share(actors: actors, arrivals: barrier.arrivals / actors.count)
    }
  }
}
