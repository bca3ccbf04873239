import HWModels

/// Picks agents for one run, as its order says.
final class Scheduler {
  private let choice: Order.Choice
  @exclusivity(unchecked) private var generator = SplitMix(seed: 0)
  /// Place in a listed order.
  @exclusivity(unchecked) private var position = 0
  /// By agent.
  @exclusivity(unchecked) private var ranks: [Int] = []
  @exclusivity(unchecked) private var done: [Int] = []
  @exclusivity(unchecked) private var agents = 0
  @exclusivity(unchecked) private var perSlot = 1
  @exclusivity(unchecked) private var actors = 0
  /// Chance of a change of ranks at a step, as one in so many.
  private static let rankChange = 48

  init(_ order: Order) {
    choice = order.choice
    if case .random(let seed, _) = choice { generator = SplitMix(seed: seed) }
  }

  /// A kernel begins.
  func begin(slots: Int, perSlot: Int, actors: Int) {
    agents = slots * perSlot
    self.perSlot = max(perSlot, 1)
    self.actors = actors
    done = Array(repeating: 0, count: agents)
    if case .random(_, let style) = choice, style != .even {
      ranks = (0..<agents).map { rank($0, style) }
    }
  }

  private func rank(_ agent: Int, _ style: Order.Style) -> Int {
    let isQueue = agent % perSlot >= actors
    let drawn = Int(generator.next() >> 40)
    return switch style {
    case .late: isQueue ? drawn : drawn + 1 << 30
    case .eager: isQueue ? drawn + 1 << 30 : drawn
    case .even, .ranked: drawn
    }
  }

  private func isEnabled(_ agent: Int, _ run: KernelRun) -> Bool {
    run.slots[agent / perSlot].isEnabled(agent % perSlot)
  }

  /// The agent that goes on; nil where none can.
  func next(_ run: KernelRun) -> Int? {
    guard agents > 0 else { return nil }
    switch choice {
    case .earliest: return earliest(run)
    case .serial: return serial(run)
    case .listed(let listed):
      while position < listed.count {
        let agent = Int(listed[position])
        position += 1
        if agent < agents, isEnabled(agent, run) { return agent }
      }
      return serial(run)
    case .random(_, .even): return even(run)
    case .random(_, let style): return ranked(run, style)
    }
  }

  private func even(_ run: KernelRun) -> Int? {
    for _ in 0..<8 {
      let agent = generator.below(agents)
      if isEnabled(agent, run) { return agent }
    }
    let start = generator.below(agents)
    for offset in 0..<agents {
      let agent = (start + offset) % agents
      if isEnabled(agent, run) { return agent }
    }
    return nil
  }

  private func ranked(_ run: KernelRun, _ style: Order.Style) -> Int? {
    if generator.below(Self.rankChange) == 0 {
      let agent = generator.below(agents)
      ranks[agent] = rank(agent, style)
    }
    var (best, highest): (Int?, Int) = (nil, -1)
    for (slot, core) in run.slots.enumerated() {
      for place in 0..<perSlot {
        let agent = slot * perSlot + place
        if ranks[agent] > highest, core.isEnabled(place) { (best, highest) = (agent, ranks[agent]) }
      }
    }
    return best
  }

  private func serial(_ run: KernelRun) -> Int? {
    for (slot, core) in run.slots.enumerated() {
      // Queues come after actors: they go first.
      for place in (0..<perSlot).reversed() where core.isEnabled(place) { return slot * perSlot + place }
    }
    return nil
  }

  private func earliest(_ run: KernelRun) -> Int? {
    var (best, least): (Int?, Int) = (nil, .max)
    for (slot, core) in run.slots.enumerated() {
      for place in 0..<perSlot {
        let agent = slot * perSlot + place
        if place >= actors {
          if core.isEnabled(place) { return agent }
        } else if done[agent] < least, core.isEnabled(place) {
          (best, least) = (agent, done[agent])
        }
      }
    }
    if let best { done[best] += 1 }
    return best
  }
}
