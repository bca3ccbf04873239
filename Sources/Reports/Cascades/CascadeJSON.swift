public import Programs

/// The analysis of a cascade as data.
public enum CascadeJSON {
  public static func render(_ analysis: CascadeAnalysis) -> String {
    let cascade = analysis.cascade
    return JSONValue.object([
      "cascade": .string(cascade.name),
      "title": .string(cascade.title),
      "source": .string(cascade.source),
      "passes": .object(
        analysis.passes.filter { $0.count > 0 }.map {
          (key: cascade.ranks[$0.rank].name, value: .integer($0.count))
        }),
      "ranks": .array(analysis.passes.filter { $0.count > 0 }.map { rank($0, analysis) }),
      "tensors": .array(analysis.tensors.map { tensor($0, cascade) }),
      "buffer_bound_elements": .number(analysis.bufferBound),
      "unfused_live_elements": .number(analysis.unfused.elements),
      "einsums": .array(cascade.einsums.indices.map { einsum($0, analysis) }),
      "operations": kinds(analysis.total),
      "flops": .number(analysis.total.flops),
      "bytes_per_element": .integer(analysis.bytesPerElement),
      "traffic_bytes": .object([
        "inputs": .number(analysis.traffic.inputs), "outputs": .number(analysis.traffic.outputs),
        "minimum": .number(analysis.traffic.minimum),
        "without_fibres": .number(analysis.traffic.withoutFibres),
      ]),
      "arithmetic_intensity": .number(analysis.intensity),
      "fusions": .array(
        analysis.fusions.map { fusion in
          .object([
            "producer": .string(CascadeReport.target(fusion.producer, cascade)),
            "consumer": .string(CascadeReport.target(fusion.consumer, cascade)),
            "shared": names(fusion.shared, cascade), "blocked": names(fusion.blocked, cascade),
          ])
        }),
    ]).text(indented: true)
  }

  private static func names(_ ranks: [Int], _ cascade: Cascade) -> JSONValue {
    .array(ranks.map { .string(cascade.ranks[$0].name) })
  }

  private static func kinds(_ counts: OperationCounts) -> JSONValue {
    .object(counts.kinds.map { (key: $0.name, value: .number($0.count)) })
  }

  private static func rank(_ passes: RankPasses, _ analysis: CascadeAnalysis) -> JSONValue {
    let cascade = analysis.cascade
    let own = cascade.ranks[passes.rank]
    return .object([
      "rank": .string(own.name), "shape": .integer(own.shape),
      "part_of": .string(own.parent.map { cascade.ranks[$0].name }), "passes": .integer(passes.count),
      "starts": .array(
        passes.starts.map { start in
          .object([
            "pass": .integer(start.pass), "einsum": .string(CascadeReport.target(start.einsum, cascade)),
            "line": .integer(cascade.einsums[start.einsum].line),
            "along": .string(cascade.tensors[start.along].name),
            "complete": .string(cascade.tensors[start.complete].name),
            "reason": .string(CascadeReport.reason(start, passes, cascade)),
          ])
        }),
      "groups": .array(
        (1...max(passes.count, 1)).map { pass in
          .array(passes.einsums(in: pass).map { .string(CascadeReport.target($0, cascade)) })
        }),
    ])
  }

  private static func tensor(_ footprint: CascadeAnalysis.Footprint, _ cascade: Cascade) -> JSONValue {
    let tensor = cascade.tensors[footprint.tensor]
    return .object([
      "tensor": .string(tensor.name), "role": .string(tensor.role.rawValue),
      "ranks": names(tensor.ranks, cascade), "elements": .number(footprint.elements),
      "live_elements": .number(footprint.live),
      "fibres": .array(
        footprint.fibres.map { fibre in
          .object([
            "rank": .string(cascade.ranks[fibre.rank].name), "first_pass": .integer(fibre.first),
            "last_pass": .integer(fibre.last),
          ])
        }),
    ])
  }

  private static func einsum(_ index: Int, _ analysis: CascadeAnalysis) -> JSONValue {
    let cascade = analysis.cascade
    return .object([
      "einsum": .string(CascadeReport.target(index, cascade)),
      "text": .string(CascadeText.write(cascade.einsums[index], in: cascade)),
      "line": .integer(cascade.einsums[index].line),
      "pass": .object(
        analysis.passes.compactMap { rank in
          rank.pass[index].map { (key: cascade.ranks[rank.rank].name, value: .integer($0)) }
        }),
      "operations": kinds(analysis.operations[index]),
    ])
  }
}
