import Attention
import HWModels
import Programs

/// Work items of a batch of different lengths.
///
/// Expected (H100, cycles) before a work item of the CuTe build knows its keys: one load of the sequence's lengths, 382 and the
/// arithmetic behind it; where queries differ too, for every 31 sequences up to its own a load and a sum over the warp, 382 + 224.
/// - Source: Dao-AILab/flash-attention@0251105 flash_attn/cute/tile_scheduler.py (`SingleTileVarlenScheduler`),
///   flash_attn/cute/seqlen_info.py; hopper/flash_prepare_scheduler.cu and hopper/tile_scheduler.hpp
///   (`VarlenDynamicPersistentTileScheduler`: sequences in sorted order where the mask is no window).
extension FlashAttention3Forward {
  /// Which items store their output as a part of one, or whole.
  func outputs(isPartial: Bool) -> TripCount {
    if hasUnevenParts { return isPartial ? .count(\Steps.partOutput) : .count(\Steps.wholeOutput) }
    return hasItemsBeyond ? .count(\Steps.hasRows) : .fixed(1)
  }

  /// Some sequences are in parts and others whole.
  var hasUnevenParts: Bool { splits > 1 && partsOfRuns.contains(1) }
  /// The CuTe build cannot know on the host how many tiles there are.
  var hasItemsBeyond: Bool { isCute && shape.hasQueryLengths }

  func items() -> ItemSpace {
    if let blocks { return blocks.items(Steps.blocks) }
    guard shape.lengths != nil else { return tiles.items(splits: splits, Steps.band) }
    let runs = shape.runs
    var parts: [BatchLengths.Run: Int] = [:]
    for (run, own) in zip(runs, partsOfRuns) {
      parts[.init(count: 1, queries: run.queries, keys: run.keys)] = own
    }
    let heads = shape.headsQ / packedHeads
    var space = ItemSpace(runs, heads: heads, packedHeads: packedHeads) { run in
      let splits = parts[run] ?? splits
      return tiles.one(run).items(splits: splits) { walk in
        var steps = Steps.band(walk)
        (steps.wholeOutput, steps.partOutput) = splits > 1 ? (0, 1) : (1, 0)
        return steps
      }
    }
    if hasItemsBeyond { addItemsBeyond(&space, heads: heads) }
    if !isCute { sort(&space, runs, heads: heads) }
    return space
  }

  /// Work items without a tile: the grid has as many as there could be, were every sequence to begin a tile with its last row.
  private func addItemsBeyond(_ space: inout ItemSpace, heads: Int) {
    let rows = shape.totalQueries * packedHeads
    let launched = (rows + shape.batch * (tile.queryTile - 1)) / tile.queryTile
    let beyond = launched - tiles.allTiles / heads
    guard beyond > 0, let last = space.groups.indices.last else { return }
    space.classes.append(ItemClass(Steps(), walk: .descending(0..<0)))
    // Behind the tiles of the last sequence.
    var group = space.groups[last]
    space.groups[last].count -= heads
    group.count = heads
    group.runs.append(.init(itemClass: space.classes.count - 1, count: beyond))
    if space.groups[last].count == 0 { space.groups.removeLast() }
    space.groups.append(group)
  }

  /// Sequences with the most key tiles first, under a causal mask with the most that its first queries see; each work item
  /// of the preparing kernel sorts its own.
  private func sort(_ space: inout ItemSpace, _ runs: [BatchLengths.Run], heads: Int) {
    if case .slidingWindow = shape.mask { return }
    struct Place {
      var group: Int
      var element: Int
      var length: Int
    }
    var places: [Place] = []
    var element = 0
    for (group, run) in runs.enumerated() {
      let keys = (run.keys + tile.keyTile - 1) / tile.keyTile * tile.keyTile
      let rows = (run.queries * packedHeads + tile.queryTile - 1) / tile.queryTile * tile.queryTile
      places.append(Place(group: group, element: element, length: shape.mask == .causal ? keys - rows : keys))
      space.groups[group].firstSequence = element * heads
      element += run.count
    }
    let most = FlashAttention3Splits.mostSequences
    places.sort {
      ($0.element / most, -$0.length, $0.element) < ($1.element / most, -$1.length, $1.element)
    }
    space.groups = places.map { space.groups[$0.group] }
  }

  /// What every warp does before it knows what its work item is.
  ///
  /// A work item of the CuTe build is a launch: one warp asks for the tensor maps and sets up the barriers, all warps meet
  /// (325 to 440 cycles), then registers change hands (105 for consumers, 230 to 450 for the producer;
  /// validation/sass_regions_h100.csv).
  func beginnings(warps: Int) -> [Block] {
    guard isCute, !policy.isPersistent else { return [] }
    let threads = Double(32 * warps)
    let setUp = Block(
      trips: .fixed(1), stepsPerTrip: 0,
      operations: [
        Operation("set up barriers", .vector, chain: Chain(alu: 55, shared: 5)),
        Operation("change registers", .vector, chain: Chain(alu: warps == 1 ? 60 : 25)),
      ])
    guard shape.lengths != nil else { return [setUp] }
    func read(_ name: String, shuffles: Int, trips: Int) -> Block {
      Block(
        trips: .fixed(trips), stepsPerTrip: 0,
        operations: [
          Operation(
            name, .vector,
            work: .of {
              $0.shuffle = Double(shuffles) * threads
              $0.otherInstructions = 30 * threads
            }, chain: Chain(alu: 20, shuffle: shuffles, global: 1))
        ])
    }
    // On average half of the sequences are passed on the way to one's own.
    let passed =
      shape.hasQueryLengths ? [read("find the sequence", shuffles: 6, trips: 1 + shape.batch / 62)] : []
    return [setUp] + passed + [read("read lengths", shuffles: 0, trips: 1)]
  }
}
