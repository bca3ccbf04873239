import Attention
import Programs

/// What FlashMLA's kernels have in common: 64 rows against blocks of 64 keys, two warpgroups with half of the output's columns
/// each.
protocol LatentKernel {
  var shape: AttentionShape { get }
}

extension LatentKernel {
  var rows: Int { LatentItems.rows }
  var keyTile: Int { LatentItems.keyTile }
  /// Columns of a half of the output.
  var half: Int { shape.headDimV / 2 }
  /// Copies of a number of each row.
  var lanes: Double { Double(rows * SoftmaxSteps.lanesPerRow) }
  /// Rows that exist.
  var usedRows: Int { min(rows, shape.seqQ * shape.group) }
  var own: TileCoordinate { TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0)) }

  /// The request's length and the page of its first block, one after the other.
  func lookUp(_ output: TileRef) -> Operation {
    Operation(
      "read length and page", .loadStore, work: .of { $0.tableRead = 8 }, chain: Chain(alu: 20, global: 1),
      action: .fill(output, 0))
  }

  /// Rows past the last are not read.
  var queryCopy: TileCopy {
    TileCopy(.q, own, columns: shape.headDim, readers: .one, rowsRead: Double(usedRows))
  }

  /// Columns from `first` on of the block `ahead` blocks after the step's.
  func keyCopy(ahead: Int, columns: Int, from first: Int = 0) -> TileCopy {
    TileCopy(
      .k, TileCoordinate(rows: keyTile, index: .walk(offset: ahead), firstColumn: first), columns: columns,
      rowsRead: Double(min(keyTile, shape.seqKV)))
  }

  /// Forbidden scores of the block `ahead` blocks after the step's.
  func mask(_ softmax: SoftmaxSteps, ahead: Int = 0) -> Operation {
    softmax.mask(
      keyTile: TileCoordinate(rows: keyTile, index: .walk(offset: ahead)), queryTile: own)
  }

  /// A half of the output into shared memory, in fp32 where it is a partial result.
  func stage(isPartial: Bool, signals: [BarrierID]) -> Operation {
    let elements = Double(rows * half)
    return Operation(
      "O to shared memory", .vector,
      work: .of {
        $0.convert = isPartial ? 0 : elements
        $0.sharedWrite = elements * (isPartial ? 4 : 2)
        $0.otherInstructions = elements / (isPartial ? 2 : 8)
      }, chain: Chain(alu: 1, shared: 1), signals: signals)
  }

  /// Both halves of the output.
  func storeHalves(_ left: TileRef, _ right: TileRef, isPartial: Bool) -> Action {
    let tensor = isPartial ? Tensor.partialO : .o
    var second = own
    second.firstColumn = half
    return .sequence([.store(left, tensor, own), .store(right, tensor, second)])
  }

  func storeLogSumExp(_ tile: TileRef, isPartial: Bool, chain: Chain = Chain()) -> Operation {
    Operation(
      isPartial ? "store partial log-sum-exp" : "store log-sum-exp", .loadStore,
      work: .of { $0.globalWrite = Double(usedRows * 4) }, chain: chain,
      action: .store(tile, isPartial ? .partialLogSumExp : .logSumExp, own))
  }
}
