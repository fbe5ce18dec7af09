/** Quantization and pruning as a recipe: what can be done, what it would do, and how the changed model is made. */
export * from './recipe/recipe.ts';
export { applicability, type NodeApplicability, type Verdict } from './applicability.ts';
export { applyRecipe, needsData, RECIPE_METADATA_KEY, type AppliedRecipe } from './apply.ts';
export { coarseLayers, type CoarseLayer, type CoarseLayers, type CoarseOptions } from './auto/granularity.ts';
export { chooseForms, type ChooseOptions, type ChosenForms, type ChosenLayer } from './auto/choose.ts';
export {
  MAX_HISTOGRAM_BINS,
  weightHistogram,
  type GridLine,
  type HistogramOptions,
  type HistogramAfter,
  type WeightHistogram,
} from './auto/weight-histogram.ts';
export { weightSqnr, type LayerSqnr, type PassOptions } from './auto/weight-sqnr.ts';
export { findDuplicates, knownDuplicates, type DuplicateGroup } from './clean/find.ts';
export { inlineFunctions, type Inlined } from './clean/inline.ts';
export { writtenOut } from './clean/step.ts';
export { executor } from './executor.ts';
export { recipeWarnings } from './ep-warnings.ts';
export {
  channelImportance,
  weightImportance,
  type ImportanceHistogram,
} from './prune/importance-histogram.ts';
export { sparsity, type Sparsity } from './prune/sparsity.ts';
export { blockStrengths, leastBlocks, residualBlocks, type ResidualBlock } from './prune/blocks/describe.ts';
export { blockProbe, type BlockProbe } from './prune/blocks/probe.ts';
export { channelsKept, pruneGroups, type PruneGroup } from './prune/channels/describe.ts';
export { sharedRatios, type ScoredGroup } from './prune/channels/budget.ts';
export type {
  RepairAnswer,
  RepairQuestion,
  RepairResult,
  RepairStage,
  RepairValues,
} from './prune/channels/repair/stage.ts';
export { compareRounds } from './prune/channels/repair/rounds.ts';
export { channelScores, type ChannelScores, type ScoreOptions } from './prune/channels/scores.ts';
export { recommendForm, weightFormOf, type FormChoice, type RecommendedForm } from './forms.ts';
export { layerMatcher } from './layer-matcher.ts';
export { RecipeError } from './recipe/checks.ts';
export { describeEdit } from './recipe/codecs.ts';
export { removeLayers } from './recipe/change.ts';
export {
  dynamicWeights,
  staticWeights,
  USUAL,
  usualWeightType,
  WEIGHT_CHOICES,
  type WeightChoice,
} from './usual.ts';
export { parseRecipe, serializeRecipe } from './recipe/json.ts';
