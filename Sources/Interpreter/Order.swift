/// In which order enabled steps are taken.
///
/// A step belongs to an agent: an actor issues (and, where nothing is asynchronous, executes) its next operation, or
/// a unit executes the oldest operation in its queue. Agents are numbered slot by slot, actors before queues.
package struct Order: Sendable, Hashable {
  package enum Style: String, Sendable, CaseIterable {
    /// Every enabled agent with equal chance.
    case even
    /// Random ranks; the highest enabled agent goes on until ranks change, now and then.
    case ranked
    /// As ranked, with every queue behind every actor: asynchronous work as late as it can be.
    case late
    /// As ranked, with every queue before every actor: asynchronous work at once.
    case eager
  }

  package enum Choice: Sendable, Hashable {
    /// Asynchronous work at once, and of the actors the one that has done least.
    case earliest
    /// One thing after another: of the actors of the first slot that can go on the last one listed, so that producers
    /// run only when consumers wait. The order in which least can go wrong.
    case serial
    /// The first enabled agent of the list goes on; agents that are not enabled at their turn are passed over. After
    /// the list, `serial`.
    case listed([Int32])
    case random(seed: UInt64, Style)
  }

  package var choice: Choice
  /// Places for work items over all cores: how many are in flight at once.
  package var slots: Int

  package init(_ choice: Choice, slots: Int) {
    self.choice = choice
    self.slots = slots
  }

  /// The `number`-th random order of a seed: styles take turns, one to four work items in flight.
  package static func random(seed: UInt64, number: Int) -> Order {
    var generator = SplitMix(seed: seed &+ UInt64(number) &* 0x9E37_79B9)
    let slots = 1 + Int(generator.next() % 4)
    let style = Style.allCases[number % Style.allCases.count]
    return Order(.random(seed: generator.next(), style), slots: slots)
  }
}

/// A small seeded generator (Steele, Lea, Flood 2014, "SplitMix").
package struct SplitMix: RandomNumberGenerator, Sendable {
  private var state: UInt64
  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }

  /// Uniform in [0, 1).
  package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform among `0..<bound`.
  package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// Close to a standard normal: the sum of twelve uniform numbers.
  package mutating func normal() -> Double {
    var total = -6.0
    for _ in 0..<12 { total += unit() }
    return total
  }
}

/// Picks agents for one run, as its order says.
struct Scheduler {
  private let order: Order
  private var generator = SplitMix(seed: 0)
  private var listed: [Int32] = []
  private var position = 0
  private var ranks: [Int] = []
  private var done: [Int] = []
  private var agents = 0
  private var perSlot = 0
  private var actors = 0
  /// Chance of a change of ranks at a step, as one in so many.
  private static let rankChange = 48

  init(_ order: Order) {
    self.order = order
    switch order.choice {
    case .earliest, .serial: break
    case .listed(let agents): listed = agents
    case .random(let seed, _): generator = SplitMix(seed: seed)
    }
  }

  /// A kernel begins.
  mutating func begin(slots: Int, perSlot: Int, actors: Int) {
    agents = slots * perSlot
    self.perSlot = perSlot
    self.actors = actors
    done = [Int](repeating: 0, count: agents)
    if case .random(_, let style) = order.choice, style != .even {
      ranks = (0..<agents).map { _ in 0 }
      for agent in 0..<agents { ranks[agent] = rank(agent, style) }
    }
  }

  private mutating func rank(_ agent: Int, _ style: Order.Style) -> Int {
    let isQueue = agent % perSlot >= actors
    let drawn = Int(generator.next() >> 40)
    return switch style {
    case .late: isQueue ? drawn : drawn + 1 << 30
    case .eager: isQueue ? drawn + 1 << 30 : drawn
    case .even, .ranked: drawn
    }
  }

  /// The agent that goes on, or nil where none can.
  mutating func next(_ isEnabled: (Int) -> Bool) -> Int? {
    guard agents > 0 else { return nil }
    switch order.choice {
    case .earliest: return earliest(isEnabled)
    case .serial: return serial(isEnabled)
    case .listed:
      while position < listed.count {
        let agent = Int(listed[position])
        position += 1
        if agent < agents, isEnabled(agent) { return agent }
      }
      return serial(isEnabled)
    case .random(_, .even):
      for _ in 0..<8 {
        let agent = generator.below(agents)
        if isEnabled(agent) { return agent }
      }
      let start = generator.below(agents)
      for offset in 0..<agents {
        let agent = (start + offset) % agents
        if isEnabled(agent) { return agent }
      }
      return nil
    case .random(_, let style):
      if generator.below(Self.rankChange) == 0 {
        let agent = generator.below(agents)
        ranks[agent] = rank(agent, style)
      }
      var best: Int?
      var agent = 0
      while agent < agents {
        if best == nil || ranks[agent] > ranks[best ?? 0], isEnabled(agent) { best = agent }
        agent &+= 1
      }
      return best
    }
  }

  private func serial(_ isEnabled: (Int) -> Bool) -> Int? {
    var first = 0
    while first < agents {
      // Queues come after actors: they go first.
      var agent = first + perSlot - 1
      while agent >= first {
        if isEnabled(agent) { return agent }
        agent &-= 1
      }
      first += perSlot
    }
    return nil
  }

  private mutating func earliest(_ isEnabled: (Int) -> Bool) -> Int? {
    var best: Int?
    var agent = 0
    while agent < agents {
      if agent % perSlot >= actors {
        if isEnabled(agent) { return agent }
      } else if best == nil || done[agent] < done[best ?? 0], isEnabled(agent) {
        best = agent
      }
      agent &+= 1
    }
    if let best { done[best] += 1 }
    return best
  }
}
