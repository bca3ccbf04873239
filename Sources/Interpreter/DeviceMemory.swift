import Attention
import HWModels
import Programs

/// Tensors in device memory, one region for each (split, batch element, head).
///
/// A region is laid out by whoever writes it first: one head's rows, or the rows of several packed heads. Readers
/// with another layout get the rows put in their order.
final class DeviceMemory {
  private struct Region {
    /// Heads whose rows alternate in this region.
    var packedHeads: Int
    var contents = Contents()
    /// The number of the write that came last.
    var version = 0
  }

  /// What is kept for one head of a tensor.
  private struct Home {
    var region: Region?
    /// The head taken out of a packed region, and which version of that region it was: kernels that merge parts read a
    /// packed region row by row.
    var view: (version: Int, region: Region)?
  }

  let shape: AttentionShape
  private let table: ValueTable
  private let group: Int
  private let heads: Int
  private let hasQueryLengths: Bool
  /// By tensor.
  private let extents: [Extent]
  /// By tensor, then by split and first head's number as written, `heads` for each split.
  @exclusivity(unchecked) private var homes: [[Home]]
  @exclusivity(unchecked) private var writes = 0
  /// Splits of the kernel that wrote partial results last.
  @exclusivity(unchecked) private(set) var splits = 1

  /// Rows of one head, columns, element type.
  private struct Extent {
    var rows: Int
    var columns: Int
    var type: DataType
  }

  init(shape: AttentionShape, table: ValueTable, inputs: [Tensor: [Int32]]) {
    self.shape = shape
    self.table = table
    group = max(shape.group, 1)
    heads = shape.batch * max(shape.headsQ, shape.headsKV)
    hasQueryLengths = shape.hasQueryLengths
    extents = Tensor.allCases.map { tensor in
      let (rows, columns) = Self.extent(tensor, shape)
      return Extent(rows: rows, columns: columns, type: Self.type(tensor, shape))
    }
    homes = Array(repeating: Array(repeating: Home(), count: heads), count: extents.count)
    for (tensor, values) in inputs {
      for (head, value) in values.enumerated() {
        var region = Region(packedHeads: 1)
        let extent = extents[tensor.index]
        var own = Rectangle(row: 0, rows: extent.rows, column: 0, columns: extent.columns)
        var part = value
        if tensor == .k || tensor == .v, head >= shape.headsKV, shape.sharedPrefix > 0 {
          // Memory holds leading keys that all sequences share with the first one only.
          (own.row, own.rows) = (shape.sharedPrefix, own.rows - shape.sharedPrefix)
          part = table.crop(value, row: own.row, rows: own.rows, column: 0, columns: own.columns)
        }
        if own.rows > 0 { region.contents.write(part, to: own) }
        homes[tensor.index][head].region = region
      }
    }
  }

  /// All of a tensor's part of one head, or of packed heads from it on. A sequence with fewer queries than others ends
  /// where its own do.
  private func whole(_ tensor: Tensor, head: Int, packedHeads: Int) -> Rectangle {
    let extent = extents[tensor.index]
    let rows =
      hasQueryLengths && tensor.isPerQuery ? shape.queries(of: head / shape.headsQ) : extent.rows
    return Rectangle(row: 0, rows: rows * packedHeads, column: 0, columns: extent.columns)
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

  private func whole(_ place: Place) -> Rectangle {
    whole(place.tensor, head: place.head, packedHeads: place.packedHeads)
  }

  /// The place's home among its tensor's, of which there are enough then.
  private func slot(_ place: Place) -> Int {
    let slot = place.split * heads + place.head
    while homes[place.tensor.index].count <= slot { homes[place.tensor.index].append(Home()) }
    return slot
  }

  /// Reads with rows and columns past the end as zero.
  func read(_ place: Place) -> Int32 {
    guard shape.sharedPrefix > 0, let (shared, own) = sharedRows(place) else { return readOne(place) }
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

  private func readOne(_ place: Place) -> Int32 {
    let wanted = place.rectangle
    let inside = clipped(wanted, to: whole(place))
    if inside.rows <= 0 || inside.columns <= 0 {
      return table.constant(0, rows: wanted.rows, columns: wanted.columns)
    }
    let value = region(place).contents.read(inside, in: table)
    return table.crop(value, row: 0, rows: wanted.rows, column: 0, columns: wanted.columns)
  }

  /// Writes; rows and columns past the end are dropped. The value is rounded to the tensor's type.
  func write(_ value: Int32, to place: Place) {
    let inside = clipped(place.rectangle, to: whole(place))
    if inside.rows <= 0 || inside.columns <= 0 { return }
    let kept = table.crop(value, row: 0, rows: inside.rows, column: 0, columns: inside.columns)
    let (index, slot) = (place.tensor.index, slot(place))
    let rounded = table.rounded(kept, to: extents[index].type)
    if homes[index][slot].region?.packedHeads != place.packedHeads {
      unpack(place)
      homes[index][slot].region = region(place)
    }
    writes += 1
    homes[index][slot].region?.contents.write(rounded, to: inside)
    homes[index][slot].region?.version = writes
    if place.tensor == .partialO { splits = max(splits, place.split + 1) }
  }

  /// Gives every head of a packed region one of its own before one of them is written alone.
  private func unpack(_ place: Place) {
    guard place.packedHeads == 1 else { return }
    let (index, slot) = (place.tensor.index, slot(place))
    for distance in 0..<group where distance <= place.head {
      guard let packed = homes[index][slot - distance].region, packed.packedHeads > max(distance, 1) else {
        continue
      }
      let apart = (0..<packed.packedHeads).map { head in
        var own = place
        own.head = place.head - distance + head
        return region(own)
      }
      // A view is no view any more.
      for (head, region) in apart.enumerated() { homes[index][slot - distance + head] = Home(region: region) }
      return
    }
  }

  /// Adds a tile to what is there, as one step.
  func add(_ value: Int32, to place: Place) {
    var clip = place
    clip.rectangle = clipped(place.rectangle, to: whole(place))
    if clip.rectangle.rows <= 0 || clip.rectangle.columns <= 0 { return }
    let kept = table.crop(
      value, row: 0, rows: clip.rectangle.rows, column: 0, columns: clip.rectangle.columns)
    write(table.add(read(clip), kept), to: clip)
  }

  /// The value of one head's whole tensor.
  func result(_ tensor: Tensor, head: Int) -> Int32 {
    read(
      Place(
        tensor: tensor, head: head, packedHeads: 1, split: 0,
        rectangle: whole(tensor, head: head, packedHeads: 1)))
  }

  func isWritten(_ tensor: Tensor) -> Bool { homes[tensor.index].contains { $0.region != nil } }

  /// Whether somebody wrote to some row of a place, in whatever layout the writer had.
  func isWritten(_ place: Place) -> Bool {
    let (index, slot) = (place.tensor.index, slot(place))
    if let region = homes[index][slot].region, region.packedHeads == place.packedHeads {
      return region.contents.meets(place.rectangle)
    }
    for distance in 0..<group where distance <= place.head {
      guard let region = homes[index][slot - distance].region, region.packedHeads > distance else { continue }
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
  private func region(_ place: Place) -> Region {
    let (index, slot) = (place.tensor.index, slot(place))
    if let region = homes[index][slot].region, region.packedHeads == place.packedHeads { return region }
    var region = Region(packedHeads: place.packedHeads)
    if place.packedHeads > 1 {
      // Packed from heads that lie apart.
      let extent = whole(place)
      guard homes[index][slot].region != nil else { return fresh(place) }
      var value = table.constant(0, rows: extent.rows, columns: extent.columns)
      for head in 0..<place.packedHeads {
        let part = homes[index][slot + head].region.map {
          $0.contents.read(whole(place.tensor, head: place.head, packedHeads: 1), in: table)
        }
        let filled =
          part ?? table.constant(.nan, rows: extent.rows / place.packedHeads, columns: extent.columns)
        value = table.packHead(value, head: filled, head, of: place.packedHeads)
      }
      region.contents.write(value, to: extent)
      return region
    }
    // One head out of a packed region, which lies at its first head's number.
    for distance in 0..<group where place.head >= distance {
      guard let packed = homes[index][slot - distance].region, packed.packedHeads > distance else { continue }
      if let view = homes[index][slot].view, view.version == packed.version { return view.region }
      let value = packed.contents.read(
        whole(place.tensor, head: place.head, packedHeads: packed.packedHeads), in: table)
      region.contents.write(table.unpackHead(value, distance, of: packed.packedHeads), to: whole(place))
      homes[index][slot].view = (packed.version, region)
      return region
    }
    return fresh(place)
  }

  /// A region that nobody wrote: zero for accumulators, undefined otherwise.
  private func fresh(_ place: Place) -> Region {
    var region = Region(packedHeads: place.packedHeads)
    switch place.tensor {
    case .gradQAccumulator, .gradKAccumulator, .gradVAccumulator:
      let extent = whole(place)
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
