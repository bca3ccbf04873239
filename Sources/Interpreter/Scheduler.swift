/// Picks agents for one run, as its order says.
final class Scheduler {
  private enum Mode { case earliest, serial, listed, even, ranked }

  private let mode: Mode
  private let style: Order.Style
  @exclusivity(unchecked) private var generator = SplitMix(seed: 0)
  private let listed: [Int32]
  @exclusivity(unchecked) private var position = 0
  /// By agent.
  @exclusivity(unchecked) private var ranks = UnsafeMutablePointer<Int>.allocate(capacity: 1)
  @exclusivity(unchecked) private var done = UnsafeMutablePointer<Int>.allocate(capacity: 1)
  @exclusivity(unchecked) private var agents = 0
  @exclusivity(unchecked) private var perSlot = 1
  @exclusivity(unchecked) private var actors = 0
  /// Chance of a change of ranks at a step, as one in so many.
  private static let rankChange = 48

  init(_ order: Order) {
    var (mode, style, listed) = (Mode.earliest, Order.Style.even, [Int32]())
    switch order.choice {
    case .earliest: break
    case .serial: mode = .serial
    case .listed(let agents): (mode, listed) = (.listed, agents)
    case .random(let seed, let drawn):
      generator = SplitMix(seed: seed)
      (mode, style) = (drawn == .even ? .even : .ranked, drawn)
    }
    (self.mode, self.style, self.listed) = (mode, style, listed)
  }

  deinit {
    ranks.deallocate()
    done.deallocate()
  }

  /// A kernel begins.
  func begin(slots: Int, perSlot: Int, actors: Int) {
    agents = slots * perSlot
    self.perSlot = max(perSlot, 1)
    self.actors = actors
    ranks.deallocate()
    done.deallocate()
    ranks = .allocate(capacity: max(agents, 1))
    done = .allocate(capacity: max(agents, 1))
    done.initialize(repeating: 0, count: agents)
    ranks.initialize(repeating: 0, count: agents)
    if mode == .ranked {
      for agent in 0..<agents { ranks[agent] = rank(agent) }
    }
  }

  private func rank(_ agent: Int) -> Int {
    let isQueue = agent % perSlot >= actors
    let drawn = Int(generator.next() &>> 40)
    return switch style {
    case .late: isQueue ? drawn : drawn + 1 << 30
    case .eager: isQueue ? drawn + 1 << 30 : drawn
    case .even, .ranked: drawn
    }
  }

  private func isEnabled(_ agent: Int, _ run: KernelRun) -> Bool {
    run.slots[agent / perSlot].isEnabled(agent % perSlot)
  }

  /// The agent that goes on, or -1 where none can.
  func next(_ run: KernelRun) -> Int {
    guard agents > 0 else { return -1 }
    switch mode {
    case .earliest: return earliest(run)
    case .serial: return serial(run)
    case .listed:
      while position < listed.count {
        let agent = Int(listed[position])
        position += 1
        if agent < agents, isEnabled(agent, run) { return agent }
      }
      return serial(run)
    case .even: return even(run)
    case .ranked: return ranked(run)
    }
  }

  private func even(_ run: KernelRun) -> Int {
    var tries = 0
    while tries < 8 {
      let agent = generator.below(agents)
      if isEnabled(agent, run) { return agent }
      tries &+= 1
    }
    let start = generator.below(agents)
    var offset = 0
    while offset < agents {
      let agent = (start &+ offset) % agents
      if isEnabled(agent, run) { return agent }
      offset &+= 1
    }
    return -1
  }

  private func ranked(_ run: KernelRun) -> Int {
    if generator.below(Self.rankChange) == 0 {
      let agent = generator.below(agents)
      ranks[agent] = rank(agent)
    }
    var best = -1
    var highest = -1
    var first = 0
    var slot = 0
    while first < agents {
      let core = run.slots[slot]
      var place = 0
      while place < perSlot {
        let rank = ranks[first &+ place]
        if rank > highest, core.isEnabled(place) {
          best = first &+ place
          highest = rank
        }
        place &+= 1
      }
      first &+= perSlot
      slot &+= 1
    }
    return best
  }

  private func serial(_ run: KernelRun) -> Int {
    var first = 0
    var slot = 0
    while first < agents {
      // Queues come after actors: they go first.
      let core = run.slots[slot]
      var place = perSlot &- 1
      while place >= 0 {
        if core.isEnabled(place) { return first &+ place }
        place &-= 1
      }
      first &+= perSlot
      slot &+= 1
    }
    return -1
  }

  private func earliest(_ run: KernelRun) -> Int {
    var best = -1
    var least = Int.max
    var first = 0
    var slot = 0
    while first < agents {
      let core = run.slots[slot]
      var place = 0
      while place < perSlot {
        if place >= actors {
          if core.isEnabled(place) { return first &+ place }
        } else if done[first &+ place] < least, core.isEnabled(place) {
          best = first &+ place
          least = done[best]
        }
        place &+= 1
      }
      first &+= perSlot
      slot &+= 1
    }
    if best >= 0 { done[best] &+= 1 }
    return best
  }
}
