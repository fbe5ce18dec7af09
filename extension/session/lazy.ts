/** A value made when first asked for; what it was made from is let go then. What throws is asked again the next time. */
export function lazy<T>(maker: () => T): () => T {
  let state: { readonly make: () => T } | { readonly value: T } = { make: maker };
  return () => {
    if ('make' in state) state = { value: state.make() };
    return state.value;
  };
}
