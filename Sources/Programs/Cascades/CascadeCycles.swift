/// Dependencies between einsums, and the cycles among them that no iteration explains.
///
/// A cycle is iterative where all its einsums run along one iterative rank, every access on it does too, and some access
/// on it reads what the step before wrote. Without those accesses what is left has to be free of cycles, or iterative
/// along another rank.
public struct CascadeCycles: Sendable {
  private let cascade: Cascade
  private let edges: [Edge]

  /// One access: `reader` needs what `writer` computes.
  private struct Edge {
    var reader: Int
    var writer: Int
    var access: Cascade.Access
  }

  public init(_ cascade: Cascade) {
    self.cascade = cascade
    var writers: [Int: Int] = [:]
    for (index, einsum) in cascade.einsums.enumerated() { writers[einsum.target.tensor] = index }
    edges = cascade.einsums.indices.flatMap { reader in
      cascade.reads(cascade.einsums[reader]).compactMap { access in
        writers[cascade.origin(of: access.tensor)].map { Edge(reader: reader, writer: $0, access: access) }
      }
    }
  }

  /// Einsums of each cycle that is not iterative, in the order of the file.
  public func faults() -> [[Int]] {
    var faults: [[Int]] = []
    var open: [([Int], [Int])] = [(Array(cascade.einsums.indices), Array(edges.indices))]
    while let (nodes, inside) = open.popLast() {
      for component in components(nodes, inside) {
        let members = Set(component)
        let own = inside.filter { members.contains(edges[$0].reader) && members.contains(edges[$0].writer) }
        guard !own.isEmpty else { continue }
        guard let rest = withoutSteps(component, own) else {
          faults.append(component.sorted())
          continue
        }
        open.append((component, rest))
      }
    }
    return faults.sorted { $0[0] < $1[0] }
  }

  /// The edges that stay within one step, where the component is iterative along some rank.
  private func withoutSteps(_ component: [Int], _ own: [Int]) -> [Int]? {
    for rank in cascade.ranks.indices where cascade.ranks[rank].isIterative {
      let runs =
        component.allSatisfy { cascade.einsums[$0].target.running.contains(rank) }
        && own.allSatisfy { edges[$0].access.running.contains(rank) }
      guard runs else { continue }
      let rest = own.filter { !isStep(edges[$0], along: rank) }
      if rest.count < own.count { return rest }
    }
    return nil
  }

  private func isStep(_ edge: Edge, along rank: Int) -> Bool {
    cascade.tensors[edge.access.tensor].iterated == rank
      && edge.access.indices.contains(.running(rank: rank, offset: 0))
  }

  /// Strongly connected components (Kosaraju), without recursion.
  private func components(_ nodes: [Int], _ inside: [Int]) -> [[Int]] {
    var forward: [Int: [Int]] = [:]
    var backward: [Int: [Int]] = [:]
    for edge in inside {
      forward[edges[edge].reader, default: []].append(edges[edge].writer)
      backward[edges[edge].writer, default: []].append(edges[edge].reader)
    }
    var seen: Set<Int> = []
    var finished: [Int] = []
    for node in nodes where seen.insert(node).inserted {
      var path = [(node, 0)]
      while let (current, step) = path.last {
        let targets = forward[current] ?? []
        guard step < targets.count else {
          finished.append(current)
          path.removeLast()
          continue
        }
        path[path.count - 1].1 += 1
        if seen.insert(targets[step]).inserted { path.append((targets[step], 0)) }
      }
    }
    var placed: Set<Int> = []
    return finished.reversed().compactMap { node in
      guard placed.insert(node).inserted else { return nil }
      var component: [Int] = []
      var open = [node]
      while let current = open.popLast() {
        component.append(current)
        for source in backward[current] ?? [] where placed.insert(source).inserted { open.append(source) }
      }
      return component
    }
  }
}
