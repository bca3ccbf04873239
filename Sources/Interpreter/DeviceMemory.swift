import HWModels
import Schedules

/// Tensors in device memory, one region for each (split, batch element, head).
///
/// A region is laid out by whoever writes it first: one head's rows, or the rows of several packed heads. Readers
/// with another layout get the rows put in their order.
struct DeviceMemory {
  struct Region {
    var contents = Contents()
    /// Heads whose rows alternate in this region.
    var packedHeads: Int
    /// The number of the write that came last.
    var version = 0
  }

  /// One head taken out of a packed region, and which version of that region it was.
  private struct View {
    var version: Int
    var region: Region
  }

  let shape: AttentionShape
  private let table: ValueTable
  /// By tensor, then by (split, first head's number) as written.
  private var regions: [[Int: Region]] = .init(repeating: [:], count: Tensor.allCases.count)
  private var writes = 0
  /// By tensor, then by the head's number: kernels that merge parts read a packed region row by row.
  private var views: [[Int: View]] = .init(repeating: [:], count: Tensor.allCases.count)
  /// Splits of the kernel that wrote partial results last.
  private(set) var splits = 1

  init(shape: AttentionShape, table: ValueTable, inputs: [Tensor: [Int32]]) {
    self.shape = shape
    self.table = table
    for (tensor, values) in inputs {
      for (head, value) in values.enumerated() {
        var region = Region(packedHeads: 1)
        var own = whole(tensor, packedHeads: 1)
        var part = value
        if tensor == .k || tensor == .v, head >= shape.headsKV, shape.sharedPrefix > 0 {
          // Memory holds leading keys that all sequences share with the first one only.
          (own.row, own.rows) = (shape.sharedPrefix, own.rows - shape.sharedPrefix)
          part = table.crop(value, row: own.row, rows: own.rows, column: 0, columns: own.columns)
        }
        if own.rows > 0 { region.contents.write(part, to: own) }
        regions[tensor.index][head] = region
      }
    }
  }

  /// More rows than any padded tensor has: how many there are is the business of who writes it.
  private static let mostRows = 1 << 28

  /// Rows and columns of one head's part of a tensor.
  static func extent(_ tensor: Tensor, _ shape: AttentionShape) -> (rows: Int, columns: Int) {
    switch tensor {
    case .q, .gradQ, .gradQAccumulator: (shape.seqQ, shape.headDim)
    case .k, .gradK, .gradKAccumulator: (shape.seqKV, shape.headDim)
    case .v, .gradV, .gradVAccumulator: (shape.seqKV, shape.headDimV)
    case .o, .partialO, .gradO: (shape.seqQ, shape.headDimV)
    case .logSumExp, .partialLogSumExp, .partialMaximum, .partialSum, .delta: (shape.seqQ, 1)
    case .permutedQ, .permutedK: (mostRows, shape.headDim)
    case .permutedV, .permutedO: (mostRows, shape.headDimV)
    case .permutedLogSumExp: (mostRows, 1)
    }
  }

  /// Type of a tensor's elements.
  static func type(_ tensor: Tensor, _ shape: AttentionShape) -> DataType {
    switch tensor {
    case .q, .k, .v, .gradO, .permutedQ, .permutedK, .permutedV: shape.dataType
    case .permutedO, .o, .gradQ, .gradK, .gradV: shape.dataType.outputType
    case .logSumExp, .partialO, .partialLogSumExp, .partialMaximum, .partialSum, .gradQAccumulator,
      .gradKAccumulator, .gradVAccumulator, .delta, .permutedLogSumExp:
      .fp32
    }
  }

  private func whole(_ tensor: Tensor, packedHeads: Int) -> Rectangle {
    let (rows, columns) = Self.extent(tensor, shape)
    return Rectangle(row: 0, rows: rows * packedHeads, column: 0, columns: columns)
  }

  /// Which part of a tensor a work item means.
  struct Place {
    var tensor: Tensor
    /// First head's number over the batch, query heads or key-value heads as the tensor has.
    var head: Int
    var packedHeads: Int
    var split: Int
    var rectangle: Rectangle
  }

  private func slot(_ place: Place) -> Int { place.split * 1_048_576 + place.head }

  /// Reads with rows and columns past the end as zero.
  mutating func read(_ place: Place) -> Int32 {
    guard let (shared, own) = sharedRows(place) else { return readOne(place) }
    let first = readOne(shared)
    guard let own else { return first }
    let whole = table.constant(0, rows: place.rectangle.rows, columns: place.rectangle.columns)
    return table.overlay(
      table.overlay(whole, with: first, row: 0, column: 0), with: readOne(own), row: shared.rectangle.rows,
      column: 0)
  }

  /// Where rows of a place lie that all sequences share, and the others; nil where it has none of those.
  private func sharedRows(_ place: Place) -> (shared: Place, own: Place?)? {
    guard place.tensor == .k || place.tensor == .v, place.head >= shape.headsKV,
      place.rectangle.row < shape.sharedPrefix
    else { return nil }
    var (shared, own) = (place, place)
    shared.head = place.head % shape.headsKV
    shared.rectangle.rows = min(shape.sharedPrefix - place.rectangle.row, place.rectangle.rows)
    own.rectangle.row = shape.sharedPrefix
    own.rectangle.rows = place.rectangle.rows - shared.rectangle.rows
    return (shared, own.rectangle.rows > 0 ? own : nil)
  }

  private mutating func readOne(_ place: Place) -> Int32 {
    let limits = whole(place.tensor, packedHeads: place.packedHeads)
    let wanted = place.rectangle
    let inside = clipped(wanted, to: limits)
    if inside.rows <= 0 || inside.columns <= 0 {
      return table.constant(0, rows: wanted.rows, columns: wanted.columns)
    }
    let region = region(place)
    let value = region.contents.read(inside, in: table)
    return table.crop(value, row: 0, rows: wanted.rows, column: 0, columns: wanted.columns)
  }

  /// Writes; rows and columns past the end are dropped. The value is rounded to the tensor's type.
  mutating func write(_ value: Int32, to place: Place) {
    let inside = clipped(place.rectangle, to: whole(place.tensor, packedHeads: place.packedHeads))
    if inside.rows <= 0 || inside.columns <= 0 { return }
    let kept = table.crop(value, row: 0, rows: inside.rows, column: 0, columns: inside.columns)
    let rounded = table.rounded(kept, to: Self.type(place.tensor, shape))
    let slot = slot(place)
    let index = place.tensor.index
    if regions[index][slot] == nil || regions[index][slot]?.packedHeads != place.packedHeads {
      unpack(place)
      regions[index][slot] = region(place)
    }
    regions[index][slot]?.contents.write(rounded, to: inside)
    writes += 1
    regions[index][slot]?.version = writes
    if place.tensor == .partialO { splits = max(splits, place.split + 1) }
  }

  /// Gives every head of a packed region one of its own before one of them is written alone.
  private mutating func unpack(_ place: Place) {
    guard place.packedHeads == 1 else { return }
    let index = place.tensor.index
    for distance in 0..<max(shape.group, 1) where distance <= place.head {
      let base = slot(place) - distance
      guard let packed = regions[index][base], packed.packedHeads > max(distance, 1) else { continue }
      var apart: [Region] = []
      for head in 0..<packed.packedHeads {
        var own = place
        own.head = place.head - distance + head
        apart.append(region(own))
      }
      for (head, region) in apart.enumerated() { regions[index][base + head] = region }
      return
    }
  }

  /// Adds a tile to what is there, as one step.
  mutating func add(_ value: Int32, to place: Place) {
    var clip = place
    clip.rectangle = clipped(place.rectangle, to: whole(place.tensor, packedHeads: place.packedHeads))
    if clip.rectangle.rows <= 0 || clip.rectangle.columns <= 0 { return }
    let kept = table.crop(
      value, row: 0, rows: clip.rectangle.rows, column: 0, columns: clip.rectangle.columns)
    write(table.add(read(clip), kept), to: clip)
  }

  /// The value of one head's whole tensor.
  mutating func result(_ tensor: Tensor, head: Int) -> Int32 {
    read(
      Place(tensor: tensor, head: head, packedHeads: 1, split: 0, rectangle: whole(tensor, packedHeads: 1)))
  }

  func isWritten(_ tensor: Tensor) -> Bool { !regions[tensor.index].isEmpty }

  /// Whether somebody wrote to some row of a place, in whatever layout the writer had.
  func isWritten(_ place: Place) -> Bool {
    let slot = slot(place)
    if let region = regions[place.tensor.index][slot], region.packedHeads == place.packedHeads {
      return region.contents.meets(place.rectangle)
    }
    for distance in 0..<max(shape.group, 1) where distance <= place.head {
      guard let region = regions[place.tensor.index][slot - distance], region.packedHeads > distance else {
        continue
      }
      // The heads of a group take turns in the rows of the writer's tiles.
      return (0..<place.rectangle.rows).contains { row in
        var one = place.rectangle
        one.row = (place.rectangle.row + row) * region.packedHeads + distance
        one.rows = 1
        return region.contents.meets(one)
      }
    }
    return false
  }

  /// The region of a place in the place's layout, made from what is there.
  private mutating func region(_ place: Place) -> Region {
    let slot = slot(place)
    let index = place.tensor.index
    if let region = regions[index][slot], region.packedHeads == place.packedHeads { return region }
    var region = Region(packedHeads: place.packedHeads)
    if place.packedHeads > 1 {
      // Packed from heads that lie apart.
      let extent = whole(place.tensor, packedHeads: place.packedHeads)
      guard regions[index][slot] != nil else { return fresh(place) }
      var value = table.constant(0, rows: extent.rows, columns: extent.columns)
      for head in 0..<place.packedHeads {
        let part = regions[index][slot + head].map {
          $0.contents.read(whole(place.tensor, packedHeads: 1), in: table)
        }
        let filled =
          part ?? table.constant(.nan, rows: extent.rows / place.packedHeads, columns: extent.columns)
        value = table.packHead(value, head: filled, head, of: place.packedHeads)
      }
      region.contents.write(value, to: extent)
      return region
    }
    // One head out of a packed region, which lies at its first head's number.
    for distance in 0..<max(shape.group, 1) where place.head >= distance {
      guard let packed = regions[index][slot - distance], packed.packedHeads > distance else { continue }
      if let view = views[index][slot], view.version == packed.version { return view.region }
      let value = packed.contents.read(whole(place.tensor, packedHeads: packed.packedHeads), in: table)
      region.contents.write(
        table.unpackHead(value, distance, of: packed.packedHeads), to: whole(place.tensor, packedHeads: 1))
      views[index][slot] = View(version: packed.version, region: region)
      return region
    }
    return fresh(place)
  }

  /// A region that nobody wrote: zero for accumulators, undefined otherwise.
  private func fresh(_ place: Place) -> Region {
    var region = Region(packedHeads: place.packedHeads)
    switch place.tensor {
    case .gradQAccumulator, .gradKAccumulator, .gradVAccumulator:
      let extent = whole(place.tensor, packedHeads: place.packedHeads)
      region.contents.write(table.constant(0, rows: extent.rows, columns: extent.columns), to: extent)
    default: break
    }
    return region
  }

  private func clipped(_ place: Rectangle, to limits: Rectangle) -> Rectangle {
    var result = place
    result.rows = min(place.rows, limits.rows - place.row)
    result.columns = min(place.columns, limits.columns - place.column)
    return result
  }
}

extension Tensor {
  /// Whether it has one part for each key-value head, and not for each query head.
  var isPerKeyValueHead: Bool {
    switch self {
    case .k, .v, .gradK, .gradV, .gradKAccumulator, .gradVAccumulator, .permutedK, .permutedV: true
    default: false
    }
  }

  var index: Int { Self.indices[self] ?? 0 }
  private static let indices: [Tensor: Int] = .init(
    uniqueKeysWithValues: Tensor.allCases.enumerated().map { ($1, $0) })
}
