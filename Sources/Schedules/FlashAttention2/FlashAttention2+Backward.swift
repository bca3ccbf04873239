package import Attention
package import HWModels
package import Programs

/// The kernels of a backward call: row sums of dO * O, the five products, dQ to 16 bit, and the sums over grouped heads.
extension FlashAttention2 {
  package func backward(_ shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let tile = FlashAttention2BackwardTile(shape: shape, device: device)
    let main = FlashAttention2Backward(shape: shape, tile: tile)
    func streaming(_ rows: Int) -> BackwardElementwise {
      BackwardElementwise(
        schedule: Self.name, shape: shape, rows: rows, headDim: tile.headDim, threads: 32 * tile.warps)
    }
    let queries = streaming(tile.queryTile)
    let scale = 1 / Double(shape.headDim).squareRoot()
    var kernels = [
      try queries.preprocess(registers: 50, on: device), try main.kernel(on: device),
      try queries.postprocess(
        .gradQAccumulator, to: .gradQ, columns: shape.headDim, factor: scale, name: "convert_dq",
        registers: 48,
        sharedBytes: tile.queryTile * tile.headDim * 2, on: device),
    ]
    if copiesGradients {
      // In PyTorch's attention_backward.cu: dO and O, where their heads do not lie beside each other in a token.
      let copy = BackwardElementwise(
        schedule: Self.name, shape: shape, rows: max(512 / shape.headDim, 1), headDim: 0, threads: 128)
      kernels = [try copy.rearrange(.gradO, on: device), try copy.rearrange(.o, on: device)] + kernels
    }
    if shape.group > 1 {
      // A reduction of the framework: reads dK or dV of every query head in 16 bit.
      let read = Double(shape.group * shape.dataType.bytes)
      for (from, to, factor) in [
        (Tensor.gradKAccumulator, Tensor.gradK, scale), (.gradVAccumulator, .gradV, 1),
      ] {
        kernels.append(
          try streaming(16).postprocess(
            from, to: to, columns: shape.headDim, factor: factor, name: to == .gradK ? "sum_dk" : "sum_dv",
            registers: 32, sharedBytes: 0, partsRead: read, on: device))
      }
    }
    return Program(schedule: Self.name, shape: shape, kernels: kernels)
  }
}
