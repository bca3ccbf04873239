#pragma once

/// Lays out the graph `dot` and draws it in `format` ("svg", "json", "plain").
///
/// Returns the text, to be freed by `attnsim_graph_free`, or NULL with a message in `error`. Not thread-safe: Graphviz
/// keeps global state, so the caller holds a lock. The same text gives the same bytes.
char *attnsim_graph_draw(const char *dot, const char *format, char *error, unsigned long errorSize);
void attnsim_graph_free(char *text);
