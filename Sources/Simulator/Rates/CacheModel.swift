import Attention
import HWModels
import Programs
import Results

/// How often the tiles that work items share come from device memory, from what runs together.
///
/// Items of one sequence that run in the same wave read the same key and value tiles at nearly the same time: one
/// of them misses, the others hit. Whether a later wave hits depends on how much was read in between, against what
/// the shared cache keeps of a stream that all cores read.
///
/// - Leaves out: conflicts between unrelated data, write traffic in the cache, order inside a wave.
struct CacheModel {
  let device: Device
  let before: Before
  /// The kernel before in the same call: its waves, and what it read from device memory.
  var earlier: (waves: Double, readBytes: Double)?

  /// What the cache holds when the call begins.
  enum Before {
    /// The call's own tensors, as far as they fit: it repeats without anything between.
    case sameCall
    /// Nothing of use, and nothing that must be written back.
    case nothing
    /// What others wrote: each line that the call brings in pushes out one that goes to device memory first.
    case writesOfOthers

    static func of(_ mode: ClockMode) -> Before {
      switch mode {
      case .sustained: .sameCall
      case .burst: .writesOfOthers
      case .locked: .nothing
      }
    }
  }
  /// Who reads a line between two uses: each partition of the cache keeps a copy of what its cores read.
  enum Readers {
    /// The same core again: one copy.
    case one
    /// One core each time, not always the same: a second copy until it is replaced.
    case changing
    /// Several cores at the same time: as many copies as partitions.
    case several
  }
  /// Shares of the capacity at which a stream that is read again begins to lose lines, and has lost all of them. With
  /// changing readers, losses begin at `beginsChanging` times the effective share. Limited associativity, hashing and random
  /// replacement make the edge gradual (validation/l2_reuse_h100.csv).
  private static let edge = (begins: 0.72, ends: 1.02, beginsChanging: 1.1, endsChanging: 0.93)

  struct Outcome {
    /// Device-memory reads over all reads of the kernel.
    var missShare: Double
    /// The same for what only one item reads.
    var streamMissShare: Double
    /// Share of the waves that wait for device memory at the head of their streams.
    var coldShare: Double
    var dramReadBytes: Double
    var dramWriteBytes: Double
    /// Bytes of others written back to make room, over the bytes read from device memory.
    var writeBackShare: Double
    /// Bytes moved to and from device memory for additions in the cache, over the bytes added.
    var additionMissShare: Double
  }

  /// Share of lines lost when `distance` bytes are read between two uses.
  func lostShare(distance: Double, readers: Readers = .several) -> Double {
    let (capacity, share) = (device.l2.capacity.value, device.l2.effectiveShare.value)
    guard capacity > 0 else { return 1 }
    let edge: (begins: Double, ends: Double) =
      switch readers {
      case .changing where share < 1:
        (min(share * Self.edge.beginsChanging, Self.edge.begins), Self.edge.endsChanging)
      case .one, .changing: (Self.edge.begins, Self.edge.ends)
      case .several: (Self.edge.begins * share, Self.edge.ends * share)
      }
    return min(max((distance / capacity - edge.begins) / (edge.ends - edge.begins), 0), 1)
  }

  /// Dirty bytes of other calls that reading `read` bytes evicts. Lines are replaced at random. Both partitions keep copies,
  /// so that at most the effective share of the capacity is dirty (31 of 50 MiB seen on an H200,
  /// validation/decode_h200.csv).
  private func writtenBack(_ read: Double) -> Double {
    let capacity = device.l2.capacity.value
    guard capacity > 0 else { return 0 }
    return min(
      read, capacity * device.l2.effectiveShare.value * (1 - RealMath.exp(-min(read / capacity, 40))))
  }

  /// Share of the bytes written by the kernel before that have left the cache when this one reads them. Each wave's output
  /// is displaced by what later waves read. A written line has one copy, so the whole capacity counts.
  private func lostIntermediates(_ bytes: Double) -> Double {
    guard let earlier, earlier.waves > 0 else { return lostShare(distance: bytes) }
    let waves = Int(earlier.waves.rounded(.up))
    var lost = 0.0
    for wave in 1...min(waves, 64) {
      let ended = min(Double(wave) / earlier.waves, 1)
      let written = min(1, earlier.waves - Double(wave - 1)) / earlier.waves
      let distance = (1 - ended) * earlier.readBytes + bytes
      lost += written * lostShare(distance: distance, readers: .one)
    }
    return min(lost, 1)
  }

  /// - Parameters:
  ///   - totalRead: bytes that all items read and share with others.
  ///   - streamRead: bytes that only one item reads.
  ///   - intermediateRead: those of them that an earlier kernel of the call has just written.
  ///   - accumulated: bytes that items add to accumulators.
  ///   - slots: work items that run at the same time.
  func evaluate(
    kernel: Kernel, shape: AttentionShape, slots: Int, totalRead: Double, streamRead: Double,
    intermediateRead: Double, totalWrite: Double, accumulated: Double
  ) -> Outcome {
    let stream = kernel.sharedStream ?? .keysAndValues(of: shape)
    let perSequence = stream.bytesRead + stream.bytesAccumulated
    let keyValueSequences = Double(stream.sequences)
    // Bytes that one sequence reads, and bytes that several have in common.
    let own = (stream.bytesRead - stream.bytesCommon) * keyValueSequences
    let common = stream.bytesCommon * keyValueSequences / Double(max(stream.commonTo, 1))
    let rowSequences = Double(kernel.items.groups.reduce(0) { $0 + $1.count })
    // Parts of one tile read different keys.
    let whole = Stream(
      tiles: Double(kernel.items.groups.map { $0.rowTiles(splits: kernel.items.splits) }.max() ?? 1),
      rowSequences: rowSequences, keyValueSequences: keyValueSequences, perSequence: perSequence)
    // Ranges of stream-K advance together, so that no reader of a sequence falls behind.
    let apart = kernel.policy.isRanges ? 0 : Self.apart(shape)
    var (passes, coldWaves) =
      shape.hasQueryLengths
      ? passes(of: kernel, shape, whole, apart: apart, slots: slots)
      : passes(over: whole, order: kernel.policy.order, apart: apart, slots: slots)
    // In its first pass, a repeated call finds lines of the call before.
    let footprint = shape.compulsoryBytes.read + max(shape.compulsoryBytes.write, totalWrite)
    let readers = whole.tiles * rowSequences / keyValueSequences
    let absent =
      before == .sameCall ? lostShare(distance: footprint, readers: readers > 1 ? .several : .changing) : 1
    let commonPasses = passes * turns(kernel, stream, slots: slots, own: own, common: common)
    let sharedRead = min(own * (passes - 1 + absent) + common * (commonPasses - 1 + absent), totalRead)
    let additions = additions(stream, passes: passes, total: accumulated)
    let missed =
      (streamRead - intermediateRead) * absent + intermediateRead * lostIntermediates(intermediateRead)
    let streamMissShare = streamRead > 0 ? missed / streamRead : absent
    coldWaves *= totalRead > 0 ? absent : streamMissShare
    let writtenBack = before == .writesOfOthers ? writtenBack(sharedRead + missed) : 0
    return Outcome(
      missShare: totalRead > 0 ? sharedRead / totalRead : 0, streamMissShare: streamMissShare,
      coldShare: min(coldWaves, 1),
      dramReadBytes: sharedRead + missed + additions.read, dramWriteBytes: totalWrite + additions.written,
      writeBackShare: writtenBack / max(sharedRead + missed, 1),
      additionMissShare: accumulated > 0 ? (additions.read + additions.written) / accumulated : 0)
  }

  /// What items of one kind of sequences share.
  private struct Stream {
    var tiles: Double
    /// Sequences with rows of their own, and with keys and values of their own.
    var rowSequences: Double
    var keyValueSequences: Double
    /// Bytes of one of the latter.
    var perSequence: Double
  }

  /// Times that keys and values are read from device memory, and the share of waves that wait for it: the mean over
  /// sequences with different numbers of tiles, weighted by bytes. In a sequence of one tile, no reader
  /// falls behind.
  private func passes(
    of kernel: Kernel, _ shape: AttentionShape, _ whole: Stream, apart: Double, slots: Int
  ) -> (passes: Double, coldWaves: Double) {
    let perElement = Int(whole.rowSequences) / max(shape.batch, 1)
    guard perElement > 0, perElement * shape.batch == Int(whole.rowSequences) else {
      return passes(over: whole, order: kernel.policy.order, apart: apart, slots: slots)
    }
    let mean = shape.totalKeys / Double(shape.batch)
    var (sequence, bytes, all, cold) = (0, 0.0, 0.0, 0.0)
    for group in kernel.items.groups {
      sequence = group.firstSequence ?? sequence
      let keys = Double(shape.keys(of: min(sequence / perElement, shape.batch - 1)))
      sequence += group.count
      let walking = group.runs.reduce(0) {
        kernel.items.classes[$1.itemClass].walk.count > 0 ? $0 + $1.count : $0
      }
      let parts = Double(max(group.tileSplits?.first ?? kernel.items.splits, 1))
      var own = whole
      own.tiles = max((Double(walking) / parts).rounded(.up), 1)
      own.perSequence = whole.perSequence * keys / mean
      let found = passes(
        over: own, order: kernel.policy.order, apart: own.tiles > 1 ? apart : 0, slots: slots)
      let weight = Double(group.count) * keys
      bytes += weight
      all += weight * found.passes
      cold += weight * found.coldWaves
    }
    return (all / max(bytes, 1), cold / max(bytes, 1))
  }

  /// Share of a sequence's keys that only some of its queries read: nearly 1 for a causal prefill, nearly 0 for a few queries
  /// after many keys.
  private static func apart(_ shape: AttentionShape) -> Double {
    guard shape.mask != .none else { return 0 }
    guard let band = shape.mask.band(seqQ: shape.seqQ, seqKV: shape.seqKV), shape.seqQ > 0 else { return 1 }
    let queries = 0..<shape.seqQ
    let seen = band.seen(by: queries, seqKV: shape.seqKV).count
    return seen > 0 ? 1 - Double(band.common(to: queries, seqKV: shape.seqKV).count) / Double(seen) : 1
  }

  private func passes(
    over stream: Stream, order: ItemOrder, apart: Double, slots: Int
  ) -> (passes: Double, coldWaves: Double) {
    let (tiles, rowSequences) = (stream.tiles, stream.rowSequences)
    let (keyValueSequences, perSequence) = (stream.keyValueSequences, stream.perSequence)
    // Items that read the same keys and values.
    let sharing = tiles * max(rowSequences / keyValueSequences, 1)
    var passes = 1.0
    var coldWaves = 1.0
    switch order {
    case .tilesFastest, .tilesDescending, .sequencesFastest, .rowTilesSlowest, .headsSlowest:
      let waves = sharing / Double(slots)
      if waves > 1 {
        // A sequence takes several waves, and each finds what the wave before read if it fits.
        let lost = lostShare(distance: perSequence)
        passes = 1 + (waves - 1) * lost
        coldWaves = passes / waves
      } else if apart > 0 {
        // Short and long items of a band alternate, so that two waves of sequences are read at a time. Half of the keys
        // that only some queries read are read later than by the others.
        let inFlight = min(Double(slots) / sharing, keyValueSequences)
        passes = 1 + 0.5 * apart * lostShare(distance: 2 * inFlight * perSequence)
      }
    case .longestFirst(let perSection), .firstTilesFirst(let perSection):
      let section = min(Double(perSection), rowSequences)
      let sectionBytes = section * perSequence * min(keyValueSequences / rowSequences, 1)
      let waves = max(tiles * section / Double(slots), 1)
      // Wave k starts at the diagonal of its longest item: it reads the share 1 - k / waves of the section.
      var read = 1.0
      var cold = 1.0
      var wave = 1.0
      while wave < waves, wave < 4096 {
        let share = 1 - wave / waves
        let lost = lostShare(distance: sectionBytes * share)
        if lost == 0 { break }
        read += share * lost
        cold += lost
        wave += 1
      }
      passes = read
      coldWaves = cold / waves
    }
    return (passes, coldWaves)
  }

  /// Times that bytes common to several sequences are read from device memory, if each sequence reads its own bytes once.
  ///
  /// Sequences that run together read common bytes at the same time. Later sequences hit if the common bytes fit, together
  /// with what each sequence reads alone in between. Ranges of stream-K are at different places of the line, so that no two
  /// read a prefix at the same time.
  private func turns(
    _ kernel: Kernel, _ stream: Kernel.SharedStream, slots: Int, own: Double, common: Double
  ) -> Double {
    guard stream.commonTo > 1, common > 0 else { return 1 }
    let sequences = Double(stream.sequences)
    let sharers = Double(stream.commonTo)
    let inFlight =
      kernel.policy.isRanges ? 0 : Double(slots) * sequences / Double(max(kernel.items.total, 1))
    let together = min(max(inFlight / (sequences / sharers), 1), sharers)
    let turns = sharers / together
    return 1 + (turns - 1) * lostShare(distance: common + own / turns)
  }

  /// Bytes that additions in the shared cache move to and from device memory. Accumulators are read once, and again in each
  /// pass that finds them evicted. They are written as often, except for those that the next kernel finds in the cache.
  private func additions(
    _ stream: Kernel.SharedStream, passes: Double, total: Double
  ) -> (read: Double, written: Double) {
    let shared = stream.bytesAccumulated * Double(stream.sequences)
    let lost = lostShare(distance: shared + stream.bytesAccumulatedByTile)
    let moved = min(shared * (passes - 1 + lost) + stream.bytesAccumulatedByTile * lost, total)
    return (moved, moved)
  }
}
