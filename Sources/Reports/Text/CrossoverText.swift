public import Simulator

/// A crossover map as text and JSON.
public enum CrossoverText {
  /// One line for each batch, a column for each context: the fastest candidate and its time.
  public static func text(_ map: CrossoverMap) -> String {
    var table = TextTable([.right] + map.contexts.map { _ in .left })
    table.add(["batch"] + map.contexts.map { "\($0)" })
    for (row, batch) in map.batches.enumerated() {
      table.add(
        ["\(batch)"]
          + map.contexts.indices.map { column in
            guard let winner = map.winner(batch: row, context: column),
              let seconds = map.seconds[row][column][winner]
            else { return "none" }
            return "\(map.candidates[winner]) \(NumberText.time(seconds))"
          })
    }
    return ([map.title, ""] + table.lines()).joined(separator: "\n")
  }

  /// `{"title", "candidates", "cells": [{"batch", "context", "winner", "seconds": {...}}]}`.
  public static func json(_ map: CrossoverMap) -> String {
    var cells: [JSONValue] = []
    for (row, batch) in map.batches.enumerated() {
      for (column, context) in map.contexts.enumerated() {
        let winner = map.winner(batch: row, context: column).map { JSONValue.string(map.candidates[$0]) }
        let times = map.candidates.enumerated().map { index, name -> (String, JSONValue) in
          (name, map.seconds[row][column][index].map { .number($0) } ?? .null)
        }
        cells.append(
          .object([
            ("batch", .integer(batch)), ("context", .integer(context)), ("winner", winner ?? .null),
            ("seconds", .object(times)),
          ]))
      }
    }
    return JSONValue.object([
      ("title", .string(map.title)), ("candidates", .array(map.candidates.map { .string($0) })),
      ("cells", .array(cells)),
    ]).text()
  }
}
