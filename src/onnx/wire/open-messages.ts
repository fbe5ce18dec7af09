/** The messages that are open around a place: where each ends, and the path that errors name it by. */
export class OpenMessages {
  depth = 0;
  /**
   * Of every message that is open: the end of the one around it, its name, and its index, −1 where it has none. Places
   * beyond `depth` are left over from messages that are closed.
   */
  private readonly ends: number[] = [];
  private readonly names: string[] = [];
  private readonly indices: number[] = [];

  /** @param outerEnd where the message around it ends */
  push(outerEnd: number, name: string, index = -1): void {
    const { depth } = this;
    this.ends[depth] = outerEnd;
    this.names[depth] = name;
    this.indices[depth] = index;
    this.depth = depth + 1;
  }

  /** Where the message around the one that is closed ends. */
  pop(): number | undefined {
    this.depth--;
    return this.ends[this.depth];
  }

  /** Without the outermost, the model itself: `graph.node[3].attribute[0]`. */
  path(): string {
    let text = '';
    for (let i = 1; i < this.depth; i++) {
      const index = this.indices[i] ?? -1;
      text += `${text === '' ? '' : '.'}${this.names[i] ?? ''}${index === -1 ? '' : `[${index}]`}`;
    }
    return text;
  }
}
