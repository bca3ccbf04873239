/// FlashMLA's division of a batch among a fixed number of work items: equal payloads of key blocks, where every request (or
/// piece of one) that a work item begins costs a fixed number of blocks beside its own.
///
/// A work item takes whole requests while its payload lasts; from the next it takes as many blocks as are left of the
/// payload beside the overhead, and the following work item goes on from there.
///
/// - Source: deepseek-ai/FlashMLA@9241ae3 csrc/smxx/decode/get_decoding_sched_meta/get_decoding_sched_meta.cu;
///   csrc/api/dense_decode.h (block of 64 keys, overhead of 5 blocks, number of parts).
public struct PayloadSplit: Sendable, Hashable {
  /// Blocks of each request.
  public let blocks: [Int]
  /// Work items among which the requests are divided, some of them idle in small batches.
  public let parts: Int
  /// Blocks, overhead included, that a work item takes at most.
  public let payload: Int
  /// Pieces in the order of the work items.
  public let pieces: [Piece]
  /// Pieces of each request.
  public let splits: [Int]

  /// Blocks that beginning a request counts as.
  public static let overhead = 5

  /// The blocks of one request that one work item takes.
  public struct Piece: Sendable, Hashable {
    public var request: Int
    public var blocks: Range<Int>
    public var part: Int
    /// Number of the piece in its request.
    public var split: Int

    public init(request: Int, blocks: Range<Int>, part: Int, split: Int) {
      self.request = request
      self.blocks = blocks
      self.part = part
      self.split = split
    }
  }

  /// Work items of one tile of rows: as many as fill the cores together with the other tiles and heads.
  public static func parts(cores: Int, headsKV: Int, rowTiles: Int) -> Int {
    max(cores / max(headsKV, 1) / max(rowTiles, 1), 1)
  }

  /// Complexity: O(requests + parts).
  public init(blocks: [Int], parts: Int, overhead: Int = PayloadSplit.overhead) {
    self.blocks = blocks
    self.parts = max(parts, 1)
    let total = blocks.reduce(0) { $0 + $1 + overhead }
    payload = (total + self.parts - 1) / self.parts + overhead
    var pieces: [Piece] = []
    var splits = [Int](repeating: 0, count: blocks.count)
    var request = 0
    var block = 0
    for part in 0..<self.parts {
      var left = payload
      while request < blocks.count {
        let remaining = blocks[request] - block
        let taken = left >= remaining + overhead ? remaining : max(left - overhead, 0)
        if taken > 0 || remaining == 0 {
          pieces.append(
            Piece(request: request, blocks: block..<block + taken, part: part, split: splits[request]))
          splits[request] += 1
        }
        guard taken == remaining else {
          block += taken
          break
        }
        left -= remaining + overhead
        request += 1
        block = 0
      }
    }
    self.pieces = pieces
    self.splits = splits
  }
}
