package import Attention
package import HWModels
package import Programs

/// The kernels of a backward call: row sums of dO * O, the five products, and the rounding of what was accumulated.
extension FlashAttention3 {
  package func backward(_ shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let tile = FlashAttention3BackwardTile(shape: shape, isCute: isCute)
    let main = FlashAttention3Backward(
      schedule: Self.name, shape: shape, tile: tile, vector: vectorWork(shape), alwaysMasks: true,
      policy: backwardPolicy(shape), registersPerThread: tile.warpgroups == 3 ? 128 : 168)
    // One work item per query tile of the main kernel, of 256 threads.
    func streaming(_ rows: Int) -> BackwardElementwise {
      BackwardElementwise(schedule: Self.name, shape: shape, rows: rows, headDim: tile.headDim, threads: 256)
    }
    let queries = streaming(tile.queryTile)
    let keys = streaming(tile.keyTile)
    let scale = 1 / Double(shape.headDim).squareRoot()
    var kernels: [Kernel] = []
    if main.accumulatesKeyGradients {
      kernels.append(
        try keys.clearKeyAccumulators(columns: tile.headDim + tile.headDimV, on: device))
    }
    kernels.append(try queries.preprocess(registers: 93, on: device))
    kernels.append(try main.kernel(on: device))
    kernels.append(
      try queries.postprocess(
        .gradQAccumulator, to: .gradQ, columns: shape.headDim, factor: scale, name: "postprocess_dq",
        registers: 46, sharedBytes: tile.queryTile * tile.headDim * 4 + 1024, on: device))
    guard main.accumulatesKeyGradients else {
      return Program(schedule: Self.name, shape: shape, kernels: kernels)
    }
    for (from, to, columns, factor) in [
      (Tensor.gradKAccumulator, Tensor.gradK, shape.headDim, scale),
      (.gradVAccumulator, .gradV, shape.headDimV, 1),
    ] {
      kernels.append(
        try keys.postprocess(
          from, to: to, columns: columns, factor: factor,
          name: to == .gradK ? "postprocess_dk" : "postprocess_dv", registers: 46,
          sharedBytes: tile.keyTile * columns * 4 + 1024, on: device))
    }
    return Program(schedule: Self.name, shape: shape, kernels: kernels)
  }

  /// One launch per tile of keys. The C++ build takes causal ones head by head within sections of heads whose Q, dO
  /// and dQ accumulator fit 40 MiB, first tiles (the longest walks) first (hopper/tile_scheduler.hpp,
  /// `SingleTileBwdLPTScheduler`); CuTe takes the tiles of one head after another (flash_bwd_sm90.py).
  private func backwardPolicy(_ shape: AttentionShape) -> TilePolicy {
    guard !isCute, shape.mask == .causal else { return .grid(order: .tilesFastest) }
    let element = Double(shape.dataType.bytes)
    let headBytes =
      Double(shape.seqQ) * (Double(shape.headDim + shape.headDimV) * element + Double(shape.headDim) * 4)
    var heads = 1
    while Double(heads * 2) * headBytes <= 40 * 1_048_576 { heads *= 2 }
    return .grid(order: .firstTilesFirst(sequencesPerSection: heads))
  }

  /// Counted in the compiled loop at head dim 128: per score one multiply-add, one select (the mask of keys past the
  /// end, which every step runs), one exponential, one subtraction, one product and two conversions
  /// (validation/sass_mix_h100.csv).
  private func vectorWork(_ shape: AttentionShape) -> BackwardVectorWork {
    BackwardVectorWork()
  }
}
