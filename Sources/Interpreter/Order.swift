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

  /// Uniform in [0, 1), a multiple of 2^-53.
  package mutating func unit() -> Double {
    let z = next()
    // 52 bits as the fraction of a number between 1 and 2, and one more: exact, and no conversion of integers.
    return (Double(bitPattern: 0x3FF0_0000_0000_0000 | (z &>> 12)) - 1)
      + Double(bitPattern: ((z &>> 11) & 1) &* 0x3CA0_0000_0000_0000)
  }

  /// Uniform among `0..<bound`.
  package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// Close to a standard normal: the sum of twelve uniform multiples of 2^-21, three from each draw.
  package mutating func normal() -> Double {
    // Written out: inputs are drawn by the million, and without the optimiser each call costs as much as what it does.
    var sum: UInt64 = 0
    var seed = state
    var left = 4
    while left > 0 {
      seed &+= 0x9E37_79B9_7F4A_7C15
      var z = seed
      z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
      z = z ^ (z &>> 31)
      sum = sum &+ (z &>> 43) &+ ((z &>> 22) & 0x1F_FFFF) &+ ((z &>> 1) & 0x1F_FFFF)
      left &-= 1
    }
    state = seed
    // The sum as the low bits of 2^52 + sum: exact.
    return (Double(bitPattern: 0x4330_0000_0000_0000 | sum) - 0x1p52) * 0x1p-21 - 6
  }
}
