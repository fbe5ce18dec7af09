/** The model as a graph: groups that open, coloured by the memory they take, tensors to follow. */
import { useEffect } from 'preact/hooks';
import { t } from '../../l10n/index.ts';
import { estimate } from '../../state/store.ts';
import { loadGraph } from './actions.ts';
import { GraphCanvas } from './graph-canvas.tsx';
import { GraphTools } from './graph-tools.tsx';
import { graphState, scene } from './state.ts';
import { TensorLists } from './tensor-lists.tsx';

export function GraphPane() {
  const current = estimate.value;
  useEffect(() => loadGraph(undefined), [current]);
  const state = graphState.value;
  if (state.kind === 'failed')
    return (
      <div class="empty" role="alert">
        <p>{t('failed.graph')}</p>
        <p class="muted">{state.message}</p>
        <button type="button" class="button secondary" onClick={() => loadGraph(undefined)}>
          {t('tryAgain')}
        </button>
      </div>
    );
  if (state.kind === 'known' && state.view.nodes.length === 0) return <p class="empty">{t('graph.none')}</p>;
  return (
    <>
      <GraphTools />
      {state.kind === 'known' && state.view.omittedNodes > 0 && (
        <p class="graph-hint muted">{t('graph.omitted', { n: state.view.omittedNodes })}</p>
      )}
      <div class="graph-frame">
        <GraphCanvas />
        {scene.value === undefined && (
          <p class="graph-waiting muted" role="status">
            {t('graph.layingOut')}
          </p>
        )}
      </div>
      <TensorLists />
    </>
  );
}
