/** A model with one of everything that ONNX knows, written by another implementation. */
import { encodePlain } from './onnx-schema.ts';

export const everything = encodePlain({
  ir_version: 11,
  producer_name: 'p',
  producer_version: 'v',
  domain: 'd',
  model_version: '-5',
  doc_string: 'ünïcode 模型',
  graph: {
    name: 'main',
    doc_string: 'doc',
    node: [
      {
        input: ['x', '', 'w'],
        output: ['y'],
        name: 'n',
        op_type: 'Op',
        domain: 'custom',
        overload: 'o',
        doc_string: 'nd',
        metadata_props: [{ key: 'k', value: 'v' }],
        device_configurations: [{ configuration_id: 'c', pipeline_stage: 3 }],
        attribute: [
          { name: 'f', type: 1, f: 0.5 },
          { name: 'i', type: 2, i: '-9223372036854775808' },
          { name: 's', type: 3, s: Buffer.from('text') },
          { name: 't', type: 4, t: { data_type: 1, dims: [1], raw_data: Buffer.alloc(4) }, doc_string: 'ad' },
          {
            name: 'g',
            type: 5,
            g: { name: 'sub', node: [{ op_type: 'Relu', input: ['w'], output: ['z'] }] },
          },
          { name: 'fs', type: 6, floats: [1, -2.5] },
          { name: 'is', type: 7, ints: [1, -1, 300] },
          { name: 'ss', type: 8, strings: [Buffer.from('a'), Buffer.from('')] },
          { name: 'ts', type: 9, tensors: [{ data_type: 6, dims: [2], int32_data: [7, -7] }] },
          { name: 'gs', type: 10, graphs: [{ name: 'a' }, { name: 'b' }] },
          { name: 'st', type: 11, sparse_tensor: sparse() },
          { name: 'sts', type: 12, sparse_tensors: [sparse(), sparse()] },
          { name: 'tp', type: 13, tp: { tensor_type: { elem_type: 1 }, denotation: 'IMAGE' } },
          { name: 'tps', type: 14, type_protos: [{ opaque_type: { domain: 'a', name: 'b' } }] },
          { name: 'ref', type: 2, ref_attr_name: 'outer' },
          { name: 'future', type: 99, i: 4 },
        ],
      },
    ],
    initializer: [
      { name: 'w', data_type: 1, dims: [2, 2], float_data: [1, 2, 3, 4], doc_string: 'td' },
      { name: 'seg', data_type: 1, dims: [1], raw_data: Buffer.alloc(4), segment: { begin: 0, end: 1 } },
      { name: 'str', data_type: 8, dims: [2], string_data: [Buffer.from('x'), Buffer.from('yz')] },
    ],
    sparse_initializer: [sparse()],
    input: [
      {
        name: 'x',
        doc_string: 'vd',
        metadata_props: [{ key: 'a', value: 'b' }],
        type: {
          denotation: 'TENSOR',
          tensor_type: {
            elem_type: 1,
            shape: { dim: [{ dim_param: 'batch', denotation: 'DATA_BATCH' }, { dim_value: 3 }, {}] },
          },
        },
      },
      { name: 'seq', type: { sequence_type: { elem_type: { tensor_type: { elem_type: 7, shape: {} } } } } },
      { name: 'opt', type: { optional_type: { elem_type: { sparse_tensor_type: { elem_type: 1 } } } } },
      { name: 'map', type: { map_type: { key_type: 7, value_type: { tensor_type: { elem_type: 1 } } } } },
    ],
    output: [{ name: 'y', type: { tensor_type: { elem_type: 1 } } }],
    value_info: [{ name: 'h' }],
    quantization_annotation: [
      { tensor_name: 'w', quant_parameter_tensor_names: [{ key: 'SCALE_TENSOR', value: 's' }] },
    ],
    metadata_props: [{ key: 'gk', value: 'gv' }],
  },
  opset_import: [
    { domain: '', version: 21 },
    { domain: 'custom', version: 1 },
  ],
  metadata_props: [{ key: 'mk', value: 'mv' }],
  training_info: [{ algorithm: { name: 'train' }, update_binding: [{ key: 'w', value: 'w2' }] }],
  functions: [
    {
      name: 'F',
      domain: 'custom',
      overload: 'x',
      doc_string: 'fd',
      input: ['a'],
      output: ['b'],
      attribute: ['alpha'],
      attribute_proto: [{ name: 'beta', type: 1, f: 2 }],
      node: [{ op_type: 'Relu', input: ['a'], output: ['b'] }],
      opset_import: [{ domain: '', version: 21 }],
      value_info: [{ name: 'b' }],
      metadata_props: [{ key: 'fk', value: 'fv' }],
    },
  ],
  configuration: [{ name: 'c', num_devices: 2, device: ['CUDA:0', 'CUDA:1'] }],
});

function sparse(): object {
  return {
    values: { name: 'sp', data_type: 1, dims: [1], float_data: [5] },
    indices: { data_type: 7, dims: [1], int64_data: [3] },
    dims: [10],
  };
}
