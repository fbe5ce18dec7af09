/** Everything that can be asked of a document, by name. What is quick is a query; what reads weights or writes is a job. */
import type { TrainingChoice } from '../../src/protocol.ts';
import { layerFacts } from '../views/describe.ts';
import { blocksView } from '../views/blocks-view.ts';
import { coarseView } from '../views/coarse-view.ts';
import { earlyView } from '../views/early-view.ts';
import { estimateAnswer } from '../views/estimate-answer.ts';
import { estimateView } from '../views/estimate-view.ts';
import { formView, formViews } from '../views/form-views.ts';
import { graphView } from '../views/graph-view.ts';
import { importanceView } from '../views/importance-view.ts';
import { largestBatchView } from '../views/largest-batch.ts';
import { layerStates } from '../views/layers.ts';
import { modelView } from '../views/model-view.ts';
import { previewView } from '../views/preview-view.ts';
import { trainingView } from '../views/training-view.ts';
import { weightsView } from '../views/weights-view.ts';
import { channelRatios } from './channel-ratios.ts';
import { namedGroups } from './named-groups.ts';
import * as figures from './figures.ts';
import * as jobList from './jobs.ts';
import * as sensitivityJobs from './sensitivity.ts';
import type { Shown } from './shown.ts';
import { changeMarks } from './text/change-marks.ts';
import { hoverView } from './text/hover-view.ts';
import { layerActions } from './text/layer-actions.ts';
import { lensViews } from './text/lenses.ts';
import { problems } from './text/problems.ts';
import { modelText, nodesOfLayer } from './text/text.ts';
import { weightNotes } from './text/weight-notes.ts';

export const queries = {
  ...figures,
  estimate: (shown: Shown) => shown.estimate,
  estimateBefore: (shown: Shown) => shown.estimateBefore,
  modelView,
  earlyText: (shown: Shown) => JSON.stringify(earlyView(shown)),
  estimateText: (shown: Shown) => JSON.stringify(estimateView(shown)),
  previewView,
  formViews,
  formView,
  graphText: (shown: Shown) => JSON.stringify(graphView(shown)),
  trainingView: ({ snapshot, options: { dims } }: Shown, choice: TrainingChoice) =>
    trainingView({ original: snapshot.base.analysis(), changed: snapshot.analysis(), dims }, choice),
  largestBatchView,
  estimateAnswer,
  describeLayer: (shown: Shown, layerId: string) => {
    const layer = layerStates(shown).find((l) => l.id === layerId);
    return layer === undefined ? [] : layerFacts(shown, layer);
  },
  text: modelText,
  nodesOfLayer,
  lenses: lensViews,
  hoverView,
  problems,
  layerActions,
  changeMarks,
  weightNotes,
  channelGroups: ({ snapshot }: Shown) => namedGroups(snapshot),
};

export const jobs = {
  ...jobList,
  ...sensitivityJobs,
  channelRatios,
  weightsView,
  importanceView,
  blocksView,
  coarseView,
};

export type Queries = typeof queries;
export type Jobs = typeof jobs;
