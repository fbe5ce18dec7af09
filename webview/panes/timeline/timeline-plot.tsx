/** The plot in the page: made anew with other data or colours, redrawn with another size or choice. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { theme } from '../../state/store.ts';
import { fullRange, plotData, plotOptions, type PlotEvents, type PlotInput } from './plot-options.ts';

export interface TimelinePlotProps {
  readonly input: PlotInput;
  readonly events: PlotEvents;
  /** Changes where chosen layers do: the plot is drawn again, not made anew. */
  readonly marks: unknown;
  /** Counts up to show everything again. */
  readonly resets: number;
}

export function TimelinePlot({ input, events, marks, resets }: TimelinePlotProps) {
  const root = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(events);
  latest.current = events;
  const size = useSize(root);
  useEffect(() => {
    const element = root.current;
    if (element === null || size === undefined) return undefined;
    const made = new uPlot(
      plotOptions(
        input,
        {
          onHover: (at) => latest.current.onHover(at),
          onClick: (step) => latest.current.onClick(step),
          onZoom: (isZoomed) => latest.current.onZoom(isZoomed),
        },
        size,
      ),
      plotData(input),
      element,
    );
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = undefined;
    };
  }, [input, theme.value, size === undefined]);
  useEffect(() => {
    if (size !== undefined) plot.current?.setSize(size);
  }, [size]);
  useEffect(() => plot.current?.redraw(false), [marks]);
  useEffect(() => plot.current?.setScale('x', fullRange(input)), [resets]);
  return <div class="plot" ref={root} />;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function useSize(root: { readonly current: HTMLElement | null }): Size | undefined {
  const [size, setSize] = useState<Size | undefined>(undefined);
  useEffect(() => {
    const element = root.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = element;
      if (width > 0 && height > 0) setSize({ width, height });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return size;
}
