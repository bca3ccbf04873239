import HWModels

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
