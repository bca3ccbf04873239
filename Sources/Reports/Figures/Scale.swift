import Foundation

/// A logarithmic axis.
struct LogScale {
  let low: Double
  let high: Double
  private let start: Double
  private let end: Double

  /// Values `low` to `high` over pixels `start` to `end`.
  init(_ low: Double, _ high: Double, over start: Double, _ end: Double) {
    self.low = low
    self.high = max(high, low * 1.01)
    self.start = start
    self.end = end
  }

  func callAsFunction(_ value: Double) -> Double {
    start + (end - start) * (log10(value / low) / log10(high / low))
  }

  var pixelsPerDecade: Double { abs(end - start) / log10(high / low) }

  /// Powers of ten, and 2 and 5 times them where there is room.
  var ticks: [Double] {
    let steps: [Double] = pixelsPerDecade > 130 ? [1, 2, 5] : [1]
    return decades.flatMap { decade in steps.map { $0 * decade } }.filter(contains)
  }

  /// Lines between the ticks.
  var minorTicks: [Double] {
    guard pixelsPerDecade > 60 else { return [] }
    return decades.flatMap { decade in (2...9).map { Double($0) * decade } }.filter(contains)
  }

  private var decades: [Double] {
    let first = Int(log10(low).rounded(.down))
    let last = Int(log10(high).rounded(.up))
    return (first...max(first, last)).map { pow(10, Double($0)) }
  }

  private func contains(_ value: Double) -> Bool { value >= low * 0.999 && value <= high * 1.001 }
}

/// A linear axis.
struct LinearScale {
  let low: Double
  let high: Double
  private let start: Double
  private let end: Double

  init(_ low: Double, _ high: Double, over start: Double, _ end: Double) {
    self.low = low
    self.high = high > low ? high : low + 1
    self.start = start
    self.end = end
  }

  func callAsFunction(_ value: Double) -> Double { start + (end - start) * (value - low) / (high - low) }

  /// About `count` round values.
  func ticks(_ count: Int) -> [Double] {
    let rough = (high - low) / Double(max(count, 1))
    let decade = pow(10, log10(rough).rounded(.down))
    let step = [1.0, 2, 5, 10].map { $0 * decade }.first { $0 >= rough } ?? decade * 10
    let first = Int((low / step).rounded(.up))
    let last = Int((high / step).rounded(.down))
    return first <= last ? (first...last).map { Double($0) * step } : []
  }
}

/// Moves labels apart so that none overlaps, each as little as can be.
enum LabelSpread {
  /// Places at least `gap` apart, near `wanted`, in the same order, inside `range` where they fit.
  static func places(_ wanted: [Double], gap: Double, in range: ClosedRange<Double>) -> [Double] {
    places(wanted, sizes: Array(repeating: gap, count: wanted.count), in: range)
  }

  /// The same for labels of different sizes: `sizes` are the room each takes, centred on its place.
  static func places(_ wanted: [Double], sizes: [Double], in range: ClosedRange<Double>) -> [Double] {
    struct Group {
      var members: [Int]
      var room: Double
      var centre: Double
      var weight: Double { Double(members.count) }
    }
    var groups: [Group] = []
    for index in wanted.indices.sorted(by: { (wanted[$0], $0) < (wanted[$1], $1) }) {
      groups.append(Group(members: [index], room: sizes[index], centre: wanted[index]))
      // Groups that would overlap become one, centred between them.
      while groups.count > 1 {
        let (a, b) = (groups[groups.count - 2], groups[groups.count - 1])
        guard a.centre + a.room / 2 > b.centre - b.room / 2 else { break }
        let left = (a.centre - a.room / 2) * a.weight + (b.centre - b.room / 2 - a.room) * b.weight
        let room = a.room + b.room
        groups.removeLast(2)
        groups.append(
          Group(members: a.members + b.members, room: room, centre: left / (a.weight + b.weight) + room / 2))
      }
      // The range is a wall: a group pushed against it may meet its neighbour in the next round.
      let last = groups.count - 1
      let centre = groups[last].centre
      groups[last].centre = min(
        max(centre, range.lowerBound + groups[last].room / 2), range.upperBound - groups[last].room / 2)
    }
    var places = [Double](repeating: 0, count: wanted.count)
    var free = range.lowerBound
    for group in groups {
      var left = max(group.centre - group.room / 2, free)
      for member in group.members {
        places[member] = left + sizes[member] / 2
        left += sizes[member]
      }
      free = left
    }
    return places
  }
}
