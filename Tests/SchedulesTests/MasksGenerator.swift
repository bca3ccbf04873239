import Attention
import Dataflow
import Programs
import Schedules
import Spatial

/// A seeded generator of small random masks; equal seeds give equal masks on every machine.
struct MasksGenerator {
  private var state: UInt64
  init(seed: Int) { state = UInt64(bitPattern: Int64(seed)) &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

  /// A number in the range (xorshift64*).
  mutating func int(_ range: ClosedRange<Int>) -> Int {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    let bits = (state &* 0x2545_f491_4f6c_dd1d) >> 33
    return range.lowerBound + Int(bits) % range.count
  }
  mutating func chance(_ percent: Int) -> Bool { int(0...99) < percent }

  /// A mask and lengths that it fits.
  mutating func sequenceMask() -> (mask: Mask, seqQ: Int, seqKV: Int) {
    let seqQ = int(1...90)
    let seqKV = chance(40) ? seqQ : int(1...90)
    return (sequenceMask(seqQ: seqQ, seqKV: seqKV, depth: 2), seqQ, seqKV)
  }

  mutating func sequenceMask(seqQ: Int, seqKV: Int, depth: Int) -> Mask {
    func reach() -> Int? { chance(20) ? nil : int(0...40) }
    let alignment: Mask.Alignment = chance(50) ? .bottomRight : .topLeft
    switch int(0...(depth > 0 ? 11 : 8)) {
    case 0: return .none
    case 1: return .causal
    case 2: return .causalTopLeft
    case 3: return .slidingWindow(left: reach(), right: reach())
    case 4: return .slidingWindowTopLeft(left: reach(), right: reach())
    case 5: return .prefix(length: int(0...100), alignment)
    case 6: return .sink(tokens: int(0...30), window: int(1...50), alignment)
    case 7: return documents(seqQ: seqQ, seqKV: seqKV)
    case 8: return blocks(seqQ: seqQ, seqKV: seqKV)
    case 9, 10:
      let masks = (0..<int(2...3)).map { _ in sequenceMask(seqQ: seqQ, seqKV: seqKV, depth: depth - 1) }
      return .intersection(masks)
    default:
      let masks = (0..<int(2...3)).map { _ in sequenceMask(seqQ: seqQ, seqKV: seqKV, depth: depth - 1) }
      return .union(masks)
    }
  }

  private mutating func documents(seqQ: Int, seqKV: Int) -> Mask {
    let count = int(1...6)
    return .documents(
      Documents(
        queryLengths: split(seqQ, into: count), keyLengths: split(seqKV, into: count), isCausal: chance(50)))
  }

  /// Lengths that sum to `total`; some may be zero.
  private mutating func split(_ total: Int, into count: Int) -> [Int] {
    let cuts = ([0, total] + (1..<count).map { _ in int(0...total) }).sorted()
    return zip(cuts, cuts.dropFirst()).map { $1 - $0 }
  }

  private mutating func blocks(seqQ: Int, seqKV: Int) -> Mask {
    let (rows, columns) = (int(1...20), int(1...20))
    let density = int(0...100)
    var entries: [BlockList.Entry] = []
    for row in 0..<(seqQ + rows - 1) / rows {
      for column in 0..<(seqKV + columns - 1) / columns where chance(density) {
        entries.append(.init(row: Int32(row), column: Int32(column)))
      }
    }
    guard
      let blocks = try? BlockSparse(queryBlock: rows, keyBlock: columns, pattern: .list(BlockList(entries)))
    else { fatalError("blocks of at least one token") }
    return .blockSparse(blocks)
  }

  /// A box that may be larger than the grid.
  mutating func tile(of neighborhood: Neighborhood) -> [Int] {
    neighborhood.shape.map { int(1...max($0 + 1, 2)) }
  }

  /// A neighborhood of at most `tokens` tokens or so; permuted where `isOrdered`.
  mutating func neighborhood(tokens: Int = 400, isOrdered: Bool = false) -> Neighborhood {
    let count = int(1...3)
    let longest = count == 1 ? tokens : count == 2 ? 16 : 7
    var (shape, window, stride, dilation): ([Int], [Int], [Int], [Int]) = ([], [], [], [])
    var (causal, order): ([Bool], [Int]) = ([], [])
    for _ in 0..<count {
      var length = int(2...longest)
      var spread = chance(60) ? 1 : int(1...max(length / 2, 1))
      let tile = isOrdered ? int(1...max(length / spread, 1)) : 1
      if isOrdered {
        length = max(length / (tile * spread), 1) * tile * spread
        if length / spread < 2 { (length, spread) = (2 * tile, 1) }
      }
      let reach = int(2...(length / spread))
      shape.append(length)
      dilation.append(spread)
      window.append(reach)
      stride.append(chance(40) ? 1 : int(1...reach))
      causal.append(chance(30))
      order.append(tile)
    }
    guard
      let result = try? Neighborhood(
        shape: shape, window: window, stride: stride, dilation: dilation, isCausal: causal,
        order: isOrdered ? order : nil)
    else { fatalError("\(shape) \(window) \(stride) \(dilation) \(order) breaks a rule") }
    return result
  }
}
