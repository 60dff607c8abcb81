"""Subset of the ONNX format that a policy may use, as protobuf messages.

``onnx_file`` rejects everything outside this table: subgraphs, training information, quantization,
string tensors. Field numbers and types follow onnx.proto of ONNX IR version 8. The fields are
``optional``, so that an empty value in the file differs from an absent one.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FLOAT, INT32, INT64, BOOL, DOUBLE = 1, 6, 7, 9, 11
"""``TensorProto.DataType`` values of the tensors that a policy may use."""

# "number name type"; a capitalised type is a message; * repeated, + repeated and packed, | oneof.
_MESSAGES = {
    "Entry": "1 key string, 2 value string",
    "Opset": "1 domain string, 2 version int64",
    "Dimension": "1 dim_value |int64, 2 dim_param |string",
    "Shape": "1 dim *Dimension",
    "TensorType": "1 elem_type int32, 2 shape Shape",
    "Type": "1 tensor_type TensorType",
    "ValueInfo": "1 name string, 2 type Type, 3 doc_string string",
    "Tensor": "1 dims *int64, 2 data_type int32, 4 float_data +float, 5 int32_data +int32, "
    "7 int64_data +int64, 8 name string, 9 raw_data bytes, 10 double_data +double, "
    "12 doc_string string, 13 external_data *bytes, 14 data_location int32",
    "Attribute": "1 name string, 2 f float, 3 i int64, 4 s bytes, 5 t Tensor, 7 floats *float, "
    "8 ints *int64, 9 strings *bytes, 13 doc_string string, 20 type int32",
    "Node": "1 input *string, 2 output *string, 3 name string, 4 op_type string, "
    "5 attribute *Attribute, 6 doc_string string, 7 domain string",
    "Graph": "1 node *Node, 2 name string, 5 initializer *Tensor, 10 doc_string string, "
    "11 input *ValueInfo, 12 output *ValueInfo, 13 value_info *ValueInfo, "
    "15 sparse_initializer *bytes",
    "Model": "1 ir_version int64, 2 producer_name string, 3 producer_version string, "
    "4 domain string, 5 model_version int64, 6 doc_string string, 7 graph Graph, "
    "8 opset_import *Opset, 14 metadata_props *Entry, 25 functions *bytes",
}
_PACKAGE = "der_ros.policy"


def _messages() -> dict[str, Any]:
    """Return the message classes by name, in a pool separate from the ``onnx`` package's."""
    file = descriptor_pb2.FileDescriptorProto(
        name="der_ros_policy.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if "|" in fields:
            message.oneof_decl.add(name="value")
        for field in fields.split(", "):
            _add_field(message, *field.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


def _add_field(message: Any, number: str, name: str, kind: str) -> None:
    plain = kind.lstrip("*+|")
    field = message.field.add(name=name, number=int(number))
    field.label = field.LABEL_REPEATED if kind[0] in "*+" else field.LABEL_OPTIONAL
    if plain[0].isupper():
        field.type, field.type_name = field.TYPE_MESSAGE, f".{_PACKAGE}.{plain}"
        return
    field.type = getattr(field, f"TYPE_{plain.upper()}")
    if kind[0] in "*+" and plain not in ("string", "bytes"):
        field.options.packed = kind[0] == "+"
    elif kind[0] == "|":
        field.oneof_index = 0
    elif kind[0] not in "*+":
        field.oneof_index, field.proto3_optional = len(message.oneof_decl), True
        message.oneof_decl.add(name=f"_{name}")


MESSAGES = _messages()
"""Message classes by name: ``Model``, ``Graph``, ``Node``, ``Tensor`` and so on."""
