import Attention
import HWModels
import Programs

/// Tensors in device memory, one region for each (split, batch element, head).
///
/// A region is laid out by whoever writes it first: one head's rows, or the rows of several packed heads. Readers
/// with another layout get the rows put in their order.
final class DeviceMemory {
  final class Region {
    let contents: Contents
    /// Heads whose rows alternate in this region.
    let packedHeads: Int
    /// The number of the write that came last.
    @exclusivity(unchecked) var version = 0

    init(packedHeads: Int, contents: Contents = Contents()) {
      self.packedHeads = packedHeads
      self.contents = contents
    }
  }

  /// One head taken out of a packed region, and which version of that region it was.
  private struct View {
    var version: Int
    var region: Region
  }

  let shape: AttentionShape
  private let table: ValueTable
  private let group: Int
  private let heads: Int
  private let hasQueryLengths: Bool
  /// By tensor: rows of one head, columns, element type.
  private let extents: UnsafeMutablePointer<Extent>
  /// By tensor, then by split and first head's number as written, `heads` for each split.
  private let regions: UnsafeMutablePointer<UnsafeMutablePointer<Region?>>
  /// By the same places: kernels that merge parts read a packed region row by row.
  private let views: UnsafeMutablePointer<UnsafeMutablePointer<View?>>
  /// Places of each tensor.
  private let places: UnsafeMutablePointer<Int>
  @exclusivity(unchecked) private var writes = 0
  /// Splits of the kernel that wrote partial results last.
  @exclusivity(unchecked) private(set) var splits = 1

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
    let count = Tensor.allCases.count
    extents = .allocate(capacity: count)
    regions = .allocate(capacity: count)
    views = .allocate(capacity: count)
    places = .allocate(capacity: count)
    for tensor in Tensor.allCases {
      let index = tensor.index
      let (rows, columns) = Self.extent(tensor, shape)
      (extents + index).initialize(to: Extent(rows: rows, columns: columns, type: Self.type(tensor, shape)))
      places[index] = heads
      (regions + index).initialize(to: .allocate(capacity: heads))
      regions[index].initialize(repeating: nil, count: heads)
      (views + index).initialize(to: .allocate(capacity: heads))
      views[index].initialize(repeating: nil, count: heads)
    }
    for (tensor, values) in inputs {
      for (head, value) in values.enumerated() {
        let region = Region(packedHeads: 1)
        let extent = extents[tensor.index]
        var own = Rectangle(row: 0, rows: extent.rows, column: 0, columns: extent.columns)
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

  deinit {
    for index in 0..<Tensor.allCases.count {
      regions[index].deinitialize(count: places[index])
      regions[index].deallocate()
      views[index].deinitialize(count: places[index])
      views[index].deallocate()
    }
    extents.deallocate()
    regions.deallocate()
    views.deallocate()
    places.deallocate()
  }

  /// Makes room for place `slot` of a tensor.
  private func reach(_ index: Int, _ slot: Int) {
    let before = places[index]
    if slot < before { return }
    var wanted = before
    while wanted <= slot { wanted *= 2 }
    let moreRegions = UnsafeMutablePointer<Region?>.allocate(capacity: wanted)
    moreRegions.moveInitialize(from: regions[index], count: before)
    (moreRegions + before).initialize(repeating: nil, count: wanted - before)
    regions[index].deallocate()
    regions[index] = moreRegions
    let moreViews = UnsafeMutablePointer<View?>.allocate(capacity: wanted)
    moreViews.moveInitialize(from: views[index], count: before)
    (moreViews + before).initialize(repeating: nil, count: wanted - before)
    views[index].deallocate()
    views[index] = moreViews
    places[index] = wanted
  }

  /// All of a tensor's part of one head, or of packed heads from it on. A sequence with fewer queries than others ends
  /// where its own do.
  private func whole(_ tensor: Tensor, head: Int, packedHeads: Int) -> Rectangle {
    let extent = extents + tensor.index
    var rows = extent.pointee.rows
    if hasQueryLengths, tensor.isPerQuery { rows = shape.queries(of: head / shape.headsQ) }
    return Rectangle(row: 0, rows: rows &* packedHeads, column: 0, columns: extent.pointee.columns)
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

  private func slot(_ place: Place, _ index: Int) -> Int {
    let slot = place.split &* heads &+ place.head
    if slot >= places[index] { reach(index, slot) }
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
    let limits = whole(place.tensor, head: place.head, packedHeads: place.packedHeads)
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
  func write(_ value: Int32, to place: Place) {
    let inside = clipped(
      place.rectangle, to: whole(place.tensor, head: place.head, packedHeads: place.packedHeads))
    if inside.rows <= 0 || inside.columns <= 0 { return }
    let kept = table.crop(value, row: 0, rows: inside.rows, column: 0, columns: inside.columns)
    let index = place.tensor.index
    let rounded = table.rounded(kept, to: extents[index].type)
    let slot = slot(place, index)
    let target: Region
    if let there = regions[index][slot], there.packedHeads == place.packedHeads {
      target = there
    } else {
      unpack(place)
      target = region(place)
      regions[index][slot] = target
    }
    target.contents.write(rounded, to: inside)
    writes &+= 1
    target.version = writes
    if place.tensor == .partialO { splits = max(splits, place.split + 1) }
  }

  /// Gives every head of a packed region one of its own before one of them is written alone.
  private func unpack(_ place: Place) {
    guard place.packedHeads == 1 else { return }
    let index = place.tensor.index
    for distance in 0..<group where distance <= place.head {
      let base = slot(place, index) - distance
      guard let packed = regions[index][base], packed.packedHeads > max(distance, 1) else { continue }
      var apart: [Region] = []
      for head in 0..<packed.packedHeads {
        var own = place
        own.head = place.head - distance + head
        apart.append(region(own))
      }
      for (head, region) in apart.enumerated() {
        // A view is no view any more.
        views[index][base + head] = nil
        regions[index][base + head] = region
      }
      return
    }
  }

  /// Adds a tile to what is there, as one step.
  func add(_ value: Int32, to place: Place) {
    var clip = place
    clip.rectangle = clipped(
      place.rectangle, to: whole(place.tensor, head: place.head, packedHeads: place.packedHeads))
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

  func isWritten(_ tensor: Tensor) -> Bool {
    let index = tensor.index
    return (0..<places[index]).contains { regions[index][$0] != nil }
  }

  /// Whether somebody wrote to some row of a place, in whatever layout the writer had.
  func isWritten(_ place: Place) -> Bool {
    let index = place.tensor.index
    let slot = slot(place, index)
    if let region = regions[index][slot], region.packedHeads == place.packedHeads {
      return region.contents.meets(place.rectangle)
    }
    var distance = 0
    while distance < group, distance <= place.head {
      guard let region = regions[index][slot &- distance], region.packedHeads > distance else {
        distance &+= 1
        continue
      }
      // The heads of a group take turns in the rows of the writer's tiles.
      var row = 0
      while row < place.rectangle.rows {
        var one = place.rectangle
        one.row = (place.rectangle.row &+ row) &* region.packedHeads &+ distance
        one.rows = 1
        if region.contents.meets(one) { return true }
        row &+= 1
      }
      return false
    }
    return false
  }

  /// The region of a place in the place's layout, made from what is there.
  private func region(_ place: Place) -> Region {
    let index = place.tensor.index
    let slot = slot(place, index)
    if let region = regions[index][slot], region.packedHeads == place.packedHeads { return region }
    let region = Region(packedHeads: place.packedHeads)
    if place.packedHeads > 1 {
      // Packed from heads that lie apart.
      let extent = whole(place.tensor, head: place.head, packedHeads: place.packedHeads)
      guard regions[index][slot] != nil else { return fresh(place) }
      var value = table.constant(0, rows: extent.rows, columns: extent.columns)
      for head in 0..<place.packedHeads {
        let part = regions[index][slot + head].map {
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
      guard let packed = regions[index][slot - distance], packed.packedHeads > distance else { continue }
      if let view = views[index][slot], view.version == packed.version { return view.region }
      let value = packed.contents.read(
        whole(place.tensor, head: place.head, packedHeads: packed.packedHeads), in: table)
      region.contents.write(
        table.unpackHead(value, distance, of: packed.packedHeads),
        to: whole(place.tensor, head: place.head, packedHeads: 1))
      views[index][slot] = View(version: packed.version, region: region)
      return region
    }
    return fresh(place)
  }

  /// A region that nobody wrote: zero for accumulators, undefined otherwise.
  private func fresh(_ place: Place) -> Region {
    let region = Region(packedHeads: place.packedHeads)
    switch place.tensor {
    case .gradQAccumulator, .gradKAccumulator, .gradVAccumulator:
      let extent = whole(place.tensor, head: place.head, packedHeads: place.packedHeads)
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
