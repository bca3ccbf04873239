public import Attention
public import HWModels
public import Programs

/// A vision transformer's layers on UbiMoE's kernels: the streaming attention kernel and reusable linear kernels.
///
/// Four stages work on different images at a time, through double buffers: attention and the projection after it; queries,
/// keys and values of the next image; the first and the second matrix of the feed-forward part. Each stage has a linear
/// kernel of its own. An image follows the other after the slowest stage, in each layer. With experts, each token goes
/// through `top` experts of half a feed-forward part's width: the stages take as long as `top` times one expert.
///
/// Expected, 197 tokens of 384, hidden width 1536, tiles of 16 x 16: projection 113,472, feed-forward 453,888 a matrix, which is
/// the slowest stage; 12 layers 5,446,656 cycles an image. M3ViT (129 tokens of 192, hidden 768): attention 102,168 and
/// projection 18,576 are the slowest stage.
///
/// - Leaves out: patch embedding, norms, activation functions, additions, the gate, loading of weights between layers.
/// - Source: github.com/DJ000011/UbiMoE, ViT_Fixed16/HW_src/ViT_compute.cpp and Feed_Forward.cpp (what runs beside what).
public struct UbiMoEViT: Schedule {
  public static let name = "ubimoe-vit"
  public static let summary = "Layers of a vision transformer on UbiMoE's attention and linear kernels (FPGA)"
  enum Hidden: String, CaseIterable { case fourfold = "4D" }
  private static let layersParameter = Parameter(
    "layers", "layers of the transformer", in: 1...UbiMoEDesign.largest, default: 12)
  private static let hiddenParameter = Parameter(
    "hidden", "width of the feed-forward part, or of one expert; 4D: four times the token's", in: 1...1 << 20,
    default: Hidden.fourfold)
  private static let topParameter = Parameter(
    "experts", "experts that each token goes through", in: 1...1024, default: 1)
  public static let parameters: [any AnyParameter] = [
    UbiMoEDesign.queriesParameter, UbiMoEDesign.linearParameter, UbiMoEDesign.wordParameter,
    UbiMoEDesign.weightParameter, layersParameter, hiddenParameter, topParameter, UbiMoE.keysParameter,
  ]
  public static let parallelism = [UbiMoEDesign.queriesAxis, UbiMoEDesign.linearAxis]
  public static let needs: [DeviceNeed] = [.fpga]
  public static let support = UbiMoEDesign.support

  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  private var experts: Int { values[Self.topParameter] }
  private var design: UbiMoEDesign {
    var design = UbiMoEDesign(
      queries: values[UbiMoEDesign.queriesParameter], wordBits: values[UbiMoEDesign.wordParameter])
    let sides = values[UbiMoEDesign.linearParameter].numbers
    (design.linearIn, design.linearOut) = (sides[0], sides[1])
    design.weightBits = values[UbiMoEDesign.weightParameter]
    return design
  }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    guard let board = device.fpga else {
      throw .missingResource(schedule: Self.name, part: "fpga", device: device.id)
    }
    let (design, keys) = (design, values[UbiMoE.keysParameter])
    try design.require(shape, schedule: Self.name)
    let width = shape.headsQ * shape.headDim
    guard width <= 1 << 20, Double(shape.seqQ + shape.seqKV) * Double(width) * Double(width) < 1e15 else {
      throw .unsupported(schedule: Self.name, field: "heads", message: "takes tokens of up to 2^20 elements")
    }
    func attention(keepsKeys: Bool) throws(ScheduleError) -> DataflowGraph {
      var graph = UbiMoEGraph(design: design, shape: shape, keepsKeys: keepsKeys).attention(name: "attention")
      for index in graph.fifos.indices where graph.fifos[index].isLong {
        graph.fifos[index].depth = shape.seqKV
      }
      return graph
    }
    var streaming = try attention(keepsKeys: keys == .chip)
    let kernels = UbiMoEGraph(design: design, shape: shape)
    func linear(_ name: String, _ inputs: Int, _ outputs: Int, times: Int = 1) -> DataflowGraph {
      kernels.linear(name, tokens: shape.seqQ * times, inputs: inputs, outputs: outputs)
    }
    /// On the hardware of the kernel for the queries.
    func shared(_ name: String) -> DataflowGraph {
      kernels.linear(name, tokens: shape.seqKV, inputs: width, outputs: width, hasHardware: false)
    }
    let inner = values[Self.hiddenParameter].number ?? 4 * width
    let rest: [DataflowPlacement.Share] = [
      .init(
        graph: linear("queries", width, width), copies: 1, heads: 0,
        then: [shared("keys"), shared("values")]),
      .init(graph: linear("feed-forward 1", width, inner, times: experts), copies: 1, heads: 0),
      .init(graph: linear("feed-forward 2", inner, width, times: experts), copies: 1, heads: 0),
    ]
    let projection = linear("projection", width, width)
    let others = [projection] + rest.flatMap(\.graphs)
    var warnings: [ModelLimit] = [.pipelineDepth, .stagesOnly]
    if keys == .auto {
      // The stages share the memory.
      let interval = Double(design.slowestStage(shape, inner: inner, experts: experts))
      let shared = others.reduce(0) { $0 + $1.memoryBytes }
      let seconds = (streaming.memoryBytes + shared) / board.memoryBandwidth.value
      if seconds * device.clock.nominal.value > interval {
        let kept = try attention(keepsKeys: true)
        if Budget.fpga([kept] + others, on: board).fits {
          streaming = kept
          warnings.append(.keysOnChip)
        }
      }
    }
    let budget = Budget.fpga([streaming] + others, on: board)
    guard budget.fits else { throw .doesNotFit(schedule: Self.name, budget: budget) }
    let first = DataflowPlacement.Share(
      graph: streaming, copies: 1, heads: shape.headsQ, then: [projection])
    var program = Program(
      schedule: Self.name, shape: shape,
      body: .graphs(
        DataflowPlacement(
          shares: [first] + rest, budget: budget,
          pipeline: .init(images: shape.batch, layers: values[Self.layersParameter]))),
      warnings: warnings)
    program.linearFlops = linearFlops(shape, width: Double(width), inner: Double(inner))
    return program
  }

  /// Flops of queries, keys, values, projection and feed-forward part of one layer, all images.
  private func linearFlops(_ shape: AttentionShape, width: Double, inner: Double) -> Double {
    let (queries, keys) = (Double(shape.seqQ), Double(shape.seqKV))
    let macs = 2 * (queries + keys) * width * width + 2 * queries * Double(experts) * width * inner
    return 2 * Double(shape.batch) * macs
  }
}

extension UbiMoEDesign {
  /// Cycles of the slowest stage of a layer, in closed form.
  public func slowestStage(_ shape: AttentionShape, inner: Int, experts: Int) -> Int {
    let width = shape.headsQ * shape.headDim
    let square = linearCycles(tokens: shape.seqQ, inputs: width, outputs: width)
    let squareKV = linearCycles(tokens: shape.seqKV, inputs: width, outputs: width)
    return max(
      attentionCycles(shape) + square, square + 2 * squareKV,
      linearCycles(tokens: shape.seqQ * experts, inputs: width, outputs: inner),
      linearCycles(tokens: shape.seqQ * experts, inputs: inner, outputs: width))
  }
}

extension ModelLimit {
  static let stagesOnly = ModelLimit(
    code: "products-only",
    message:
      "attention and matrix products; norms, activation functions, embedding and loading of weights are left out"
  )
}
